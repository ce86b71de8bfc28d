package main

import (
	"fmt"

	"chordconductor/conductor/recording"
	"chordconductor/conductor/sim"
)

// tape is what --record asks for; without it, nothing.
type recordingFile struct{ file *recording.Writer }

// startTape makes the file, which must be new.
func startRecording(path string) (recordingFile, error) {
	if path == "" {
		return recordingFile{}, nil
	}
	file, err := recording.Create(path)
	if err != nil {
		return recordingFile{}, fmt.Errorf("--record: %w", err)
	}
	return recordingFile{file}, nil
}

// patient lets nothing be left out, at the cost of waiting for the disk.
func (t recordingFile) patient() {
	if t.file != nil {
		t.file.Patient()
	}
}

// tap is where the telemetry comes from.
func (t recordingFile) tap() sim.Tap {
	if t.file == nil {
		return sim.Tap{}
	}
	return sim.Tap{Logs: t.file.Logs, Spans: t.file.Traces, Metrics: t.file.Metrics}
}

// stop closes the file, and tells how many requests are not in it if there are any.
func (t recordingFile) stop(missed func(uint64)) error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	if n := t.file.Dropped(); n > 0 {
		missed(n)
	}
	return err
}
