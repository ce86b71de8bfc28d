package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// assets serves the built page from memory: each file as it is and, where that makes it smaller, also compressed once
// at the start. Files under assets/ have a hash of their content in their name and may be cached without end; the
// others are revalidated each time, which costs a 304. The size of the page bounds the memory.
type assets map[string]*asset

type asset struct {
	kind   string
	etag   string
	cache  string
	plain  []byte
	packed []byte // compressed with gzip; nil: compression does not make the file smaller
}

func newAssets(files fs.FS) (http.Handler, error) {
	pages := make(assets)
	if files == nil {
		return pages, nil
	}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		a, err := newAsset(name, data)
		if err != nil {
			return err
		}
		pages["/"+name] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the page's files: %w", err)
	}
	if index, ok := pages["/index.html"]; ok {
		pages["/"] = index
	}
	return pages, nil
}

func newAsset(name string, data []byte) (*asset, error) {
	sum := sha256.Sum256(data)
	a := &asset{
		kind:  kindOf(name),
		etag:  `"` + hex.EncodeToString(sum[:12]) + `"`,
		cache: "no-cache", // revalidate: the name stays when the content changes
		plain: data,
	}
	if strings.HasPrefix(name, "assets/") {
		a.cache = "public, max-age=31536000, immutable"
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if packed.Len() < len(data)*9/10 {
		a.packed = packed.Bytes()
	}
	return a, nil
}

// kindOf returns the media type of a file of the page. The types are built in: the system's table differs between
// machines, and a scratch image has none.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".woff2":
		return "font/woff2"
	case ".ico":
		return "image/x-icon"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func (pages assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := pages[r.URL.Path]
	if !ok {
		fail(w, http.StatusNotFound, "no such path: %s", r.URL.Path)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", a.cache)
	body, etag := a.plain, a.etag
	if a.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			body, etag = a.packed, strings.TrimSuffix(a.etag, `"`)+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
