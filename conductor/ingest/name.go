package ingest

import (
	"net/http"

	"google.golang.org/grpc/codes"

	"chordconductor/internal/netname"
)

// named rejects requests whose Host header names another server, as the page does: otherwise a web page whose DNS name
// was made to point here could send telemetry through a browser. If named returns false, it has answered the request.
func (p *port) named(w http.ResponseWriter, r *http.Request) bool {
	if netname.Serves(r.Host, p.gate.names) {
		return true
	}
	p.gate.rejected.Add(1)
	p.failWith(w, r, http.StatusMisdirectedRequest,
		refused(misdirected, codes.PermissionDenied, "host %.80q is not this server; name it with --allow-host if it is", r.Host))
	return false
}
