package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A reportFile is opened before the run, so that a path that cannot be written is detected first. The file's previous
// content stays until there is a report. A file that was made for a report and never written is removed again.
type reportFile struct {
	*os.File
	made, written bool
}

type reportFiles struct{ html, json *reportFile } // nil: not wanted

func openReports(html, json string) (f reportFiles, err error) {
	if f.html, err = openReport("--report", html); err == nil {
		f.json, err = openReport("--json", json)
	}
	if err != nil {
		f.close()
	}
	return f, err
}

func openReport(flag, path string) (*reportFile, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot create the file: %w", flag, err)
	}
	return &reportFile{File: file, made: made}, nil
}

// write replaces the file's content with the report.
func (f *reportFile) write(text []byte) error {
	f.written = true
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() { // /dev/stdout may be none
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	_, err := f.Write(text)
	return err
}

func (f reportFiles) close() {
	for _, file := range []*reportFile{f.html, f.json} {
		if file == nil {
			continue
		}
		file.Close()
		if file.made && !file.written {
			_ = os.Remove(file.Name()) // only an empty file could be left
		}
	}
}
