// Package scenario describes experiments: the ring to start, its load, the phases and their times, and what must hold
// at the end. It reads them from YAML (JSON is YAML too) and embeds the scenarios that come with the program.
//
// Parsing is strict: an unknown field, a value of the wrong kind or out of range, and a contradiction between fields
// are errors that name file, line and field and what is allowed. All problems of a file are reported at once, since the
// page checks a scenario while it is being typed.
//
// The package holds values only: it starts nothing, and its only I/O is to read its embedded files. Package controller
// runs a scenario; conductor/web accepts scenarios over HTTP; `conductor scenarios` lists the embedded ones.
package scenario
