package hub

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/live"
)

// FuzzMessages sends arbitrary client messages. The connection ends with a reason or continues, the hub keeps running,
// and the next client is welcomed.
func FuzzMessages(f *testing.F) {
	hello := encodeClient(f, &hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{Epoch: "x", LastSeq: 1 << 63}}})
	watch := encodeClient(f, &hubpb.ClientMessage{Message: &hubpb.ClientMessage_Watch{Watch: &hubpb.Watch{Id: make([]byte, 20)}}})
	f.Add(hello, watch, true)
	f.Add(hello, hello, true)
	f.Add(watch, []byte{}, false)
	f.Add([]byte("\xff\xff"), hello, true)
	f.Add(hello, []byte{0x12, 0x03, 0x0a, 0x01, 0x00}, true)

	l, err := live.New(live.Config{})
	if err != nil {
		f.Fatal(err)
	}
	h, err := New(l, Config{})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Run(ctx)
	}()
	// In memory: thousands of connections a second would use up the ports of the machine.
	listener := bufconn.Listen(1 << 20)
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	f.Cleanup(func() {
		cancel()
		<-done
		server.Close()
	})
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) }, DisableKeepAlives: true,
	}}
	f.Fuzz(func(t *testing.T, first, second []byte, binary bool) {
		kind := websocket.MessageText
		if binary {
			kind = websocket.MessageBinary
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, messages := range [][][]byte{{first, second}, {hello}} {
			c, _, err := websocket.Dial(ctx, "ws://localhost/", &websocket.DialOptions{Subprotocols: []string{Subprotocol}, HTTPClient: client})
			if err != nil {
				t.Fatal(err)
			}
			c.SetReadLimit(1 << 24)
			for i, m := range messages {
				if len(messages) == 1 {
					kind = websocket.MessageBinary
				}
				if c.Write(ctx, kind, m) != nil {
					break
				}
				if _, _, err := c.Read(ctx); err != nil {
					if len(messages) == 1 {
						t.Fatal("a correct client is not welcomed: ", err)
					}
					if websocket.CloseStatus(err) < 0 {
						t.Fatalf("message %d: the connection ended without a reason: %v", i, err)
					}
					break
				}
			}
			c.CloseNow()
		}
	})
}

func encodeClient(f *testing.F, m *hubpb.ClientMessage) []byte {
	f.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	return data
}
