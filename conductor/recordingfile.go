package main

import (
	"fmt"

	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/recording"
)

// recordingFile writes the file of --record; without the flag it does nothing.
type recordingFile struct{ file *recording.Writer }

// startRecording makes the file, which must be new.
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

// patient makes the recording complete, at the cost of waiting for the disk.
func (t recordingFile) patient() {
	if t.file != nil {
		t.file.Patient()
	}
}

// tap returns a Tap that records the telemetry.
func (t recordingFile) tap() run.Tap {
	if t.file == nil {
		return run.Tap{}
	}
	return run.Tap{Logs: t.file.Logs, Spans: t.file.Traces, Metrics: t.file.Metrics}
}

// stop closes the file. If requests are missing from the file, it reports their number to missed.
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
