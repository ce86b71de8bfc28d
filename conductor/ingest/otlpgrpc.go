package ingest

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/internal/otlpscan"
)

// grpcPrefix is the length of the prefix of a gRPC message, which has a compression flag and the message's length.
const grpcPrefix = 5

var grpcPaths = map[string]otlpscan.Signal{
	"/opentelemetry.proto.collector.logs.v1.LogsService/Export":       otlpscan.Logs,
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export":     otlpscan.Traces,
	"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": otlpscan.Metrics,
}

// serveGRPC serves a call of OTLP/gRPC: it reads one message, answers with one message, and sends the status in the
// trailers.
func (p *port) serveGRPC(w http.ResponseWriter, r *http.Request) {
	signal, known := grpcPaths[r.URL.Path]
	q := query{signal: signal}
	switch {
	case !p.grpc:
		p.fail(w, r, refused(grpcAtHTTP, codes.Unimplemented, "this port receives OTLP over HTTP, and the request is OTLP over gRPC: send it to %s", p.other))
		return
	case r.ProtoMajor != 2 || r.Method != http.MethodPost:
		p.failWith(w, r, http.StatusBadRequest, refused(wrongMethod, codes.InvalidArgument, "gRPC needs HTTP/2 and POST"))
		return
	case !known:
		p.fail(w, r, refused(unknownPath, codes.Unimplemented, "unknown method %.120q", r.URL.Path))
		return
	}
	if err := p.gate.authorize(r.Header.Values("Authorization")); err != nil {
		p.fail(w, r, err)
		return
	}
	body, reception, err := p.receive(w, r, p.gate.maxBytes+grpcPrefix)
	defer reception.release()
	if err == nil {
		body, q.packing, err = grpcMessage(body, r.Header.Get("Grpc-Encoding"))
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	answer, err := p.take(r.Context(), q, body)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Trailer", "Grpc-Status")
	_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(answer))), answer...))
	h.Set("Grpc-Status", "0")
}

// grpcMessage returns the one message of a call's body, and its compression.
func grpcMessage(body []byte, encoding string) (message []byte, packing string, err error) {
	if len(body) < grpcPrefix || int64(binary.BigEndian.Uint32(body[1:])) != int64(len(body)-grpcPrefix) {
		return nil, "", malformed("not an OTLP request: expected exactly one message in the call")
	}
	switch body[0] {
	case 0:
		return body[grpcPrefix:], "", nil
	case 1:
		if unpackers[encoding] == nil {
			return nil, "", refused(unknownEncoding, codes.Unimplemented, "grpc-encoding %.40q is not supported: use gzip, zstd or none", encoding)
		}
		return body[grpcPrefix:], encoding, nil
	}
	return nil, "", malformed("not an OTLP request: the message's compression flag is neither 0 nor 1")
}

// failGRPC ends a call with a status and no message.
func failGRPC(w http.ResponseWriter, st *status.Status) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Accept-Encoding", "gzip,zstd,snappy,deflate")
	h.Set("Grpc-Status", strconv.Itoa(int(st.Code())))
	h.Set("Grpc-Message", percent(st.Message()))
	if message := st.Proto(); len(message.Details) > 0 {
		message.Message = strings.ToValidUTF8(message.Message, "\ufffd")
		if details, err := proto.Marshal(message); err == nil {
			h.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
		}
	}
	w.WriteHeader(http.StatusOK)
}

// percent encodes a message as gRPC requires it in a header.
func percent(message string) string {
	var b strings.Builder
	for _, c := range []byte(strings.ToValidUTF8(message, "\ufffd")) {
		if c >= ' ' && c < utf8.RuneSelf-1 && c != '%' {
			b.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
