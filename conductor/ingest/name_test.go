package ingest

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The OTLP/HTTP port accepts requests whose Host header names this server, and no others, on every path and in every
// encoding. A page whose DNS name was made to point here sends its own name.
func TestHostHeader(t *testing.T) {
	s := start(t, Config{HTTP: "127.0.0.1:0", Names: []string{"conductor.example"}}, newRecorder())
	for host, ours := range map[string]bool{
		s.HTTPAddr(): true, "localhost:4318": true, "conductor.example:4318": true, "[::1]:4318": true,
		"evil.example": false, "evil.example:4318": false, "conductor.example.evil.example": false,
	} {
		for _, signal := range []string{"logs", "traces", "metrics"} {
			for kind, body := range map[string]string{"application/x-protobuf": "", "application/json": "{}"} {
				before := s.Stats().Rejected
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.HTTPAddr()+"/v1/"+signal, bytes.NewReader([]byte(body)))
				if err != nil {
					t.Fatal(err)
				}
				r.Host = host
				r.Header.Set("Content-Type", kind)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if ours {
					if answer.StatusCode != http.StatusOK {
						t.Errorf("%s, %s, %s: %d %s", host, signal, kind, answer.StatusCode, text)
					}
					continue
				}
				var st spb.Status
				if kind == "application/json" {
					err = protojson.Unmarshal(text, &st)
				} else {
					err = proto.Unmarshal(text, &st)
				}
				if answer.StatusCode != http.StatusMisdirectedRequest || err != nil || st.GetMessage() == "" {
					t.Errorf("%s, %s, %s: %d %q %v", host, signal, kind, answer.StatusCode, text, err)
				}
				if s.Stats().Rejected != before+1 {
					t.Errorf("%s: it is not counted", host)
				}
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
