package ingest

import (
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/netname"
)

// named refuses requests whose Host header names another server, as the page does: a web page whose DNS name was made to
// point here could send telemetry through a browser. It has answered if it returns false.
func (g *gate) named(w http.ResponseWriter, r *http.Request) bool {
	if netname.Serves(r.Host, g.names) {
		return true
	}
	g.rejected.Add(1)
	answer(statusWriter{w, http.StatusMisdirectedRequest}, r,
		status.Errorf(codes.PermissionDenied, "host %.80q is not this server; name it with --allow-host if it is", r.Host))
	return false
}

// A statusWriter answers with one HTTP status, whatever the gRPC status would become.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w statusWriter) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.code) }
