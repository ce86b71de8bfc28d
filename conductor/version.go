package main

import "runtime/debug"

// release is set by the linker in a release build.
var release string

// version returns the release, or else the version in Go's build information.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && v == "(devel)" {
			v = "devel-" + s.Value[:12]
		}
	}
	return v
}
