// Package client holds the built web page. Package conductor/web serves it; nothing else here is Go. The page's source
// stands beside it, and `npm run build` makes dist from it, byte for byte the same each time, so that dist can be
// committed and `go run` needs no Node.
package client

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the built page: index.html, and assets whose names change with their content.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // cannot be: the directive above names the folder
	}
	return sub
}
