// Package version returns the version of the program that runs. Flags, telemetry, reports and the page show it.
package version

import "runtime/debug"

// release is set by the linker in a release build.
var release string

// Text returns the release, or else the version in Go's build information, or else "unknown".
func Text() string {
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
