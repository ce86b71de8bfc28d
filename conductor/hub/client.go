package hub

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

const (
	// Subprotocol is the WebSocket subprotocol of hubpb's messages.
	Subprotocol = "chord.v1"

	maxMessage   = 1 << 10 // bytes of a client's message; a Hello or a Watch is far smaller
	detailEvents = 50
)

// ServeHTTP serves one client until it disconnects or the hub closes its connection.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.enter(r.Context()) {
		h.cfg.Memory.Refuse()
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many clients are connected; try again later", http.StatusServiceUnavailable)
		return
	}
	defer func() { <-h.slots }()
	h.cfg.Memory.Hold(clientSize)
	defer h.log.readers.Give(clientSize)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	defer context.AfterFunc(h.running, func() { conn.Close(websocket.StatusGoingAway, "the conductor stops") })()

	ctx, cancel := context.WithCancel(r.Context())
	c := &client{hub: h, conn: conn, rewatch: make(chan struct{}, 1), left: make(chan closeReason, 1)}
	bye := c.serve(ctx)
	if bye.code == 0 {
		conn.CloseNow()
	} else {
		conn.Close(bye.code, bye.reason)
	}
	cancel()
	c.helpers.Wait()
}

// A client is one WebSocket connection. The handler's goroutine writes, another reads, a third pings.
type client struct {
	hub     *Hub
	conn    *websocket.Conn
	watched atomic.Pointer[chord.ID] // nil: nothing. Written by the reader
	rewatch chan struct{}            // watched has changed
	left    chan closeReason         // the reader has ended
	helpers sync.WaitGroup

	// What was last sent about the watched member; only the writer uses it.
	sent       chord.ID
	sentMember *ring.Member
	sentAny    bool
}

// A closeReason is the status with which the hub closes a connection. It is zero if the client closed the connection,
// or if it broke.
type closeReason struct {
	code   websocket.StatusCode
	reason string
}

// serve exchanges messages with the client until the client or the hub ends the connection.
func (c *client) serve(ctx context.Context) closeReason {
	hello, bye := c.hello(ctx)
	if hello == nil {
		return bye
	}
	c.helpers.Go(func() { c.left <- c.read(ctx) })
	c.helpers.Go(func() { c.ping(ctx) })

	select {
	case c.hub.refresh <- struct{}{}: // the newest frame may be a second old
	default:
	}
	seq, err := c.welcome(ctx, hello)
	lag := uint64(keepFrames)
	for err == nil {
		if !c.hub.log.readers.Room(ctx, patience) {
			return closeReason{websocket.StatusTryAgainLater, "no memory is left for clients; try again later"}
		}
		watched := c.watched.Load()
		d := c.hub.log.since(seq, lag, watched)
		if err = c.deliver(ctx, d); err == nil {
			err = c.detail(ctx, watched, d.touched)
		}
		seq, lag = d.seq, maxLag
		if err != nil {
			break
		}
		select {
		case <-d.next:
		case <-c.rewatch:
		case bye := <-c.left:
			return bye
		}
	}
	return closeReason{}
}

func (c *client) deliver(ctx context.Context, d delivery) error {
	defer c.hub.log.release(d.messages)
	for _, m := range d.messages {
		if err := c.write(ctx, m.data); err != nil {
			return err
		}
	}
	if len(d.messages) > 0 {
		c.hub.pushed(ctx, max(time.Since(d.published), 0))
	}
	return nil
}

// hello reads the first message. It returns nil if it is not a valid Hello.
func (c *client) hello(ctx context.Context) (*hubpb.Hello, closeReason) {
	late := time.AfterFunc(c.hub.helloTimeout, func() { c.conn.Close(websocket.StatusPolicyViolation, "no Hello in time") })
	defer late.Stop()
	m, bye := c.next(ctx)
	if m == nil {
		return nil, bye
	}
	if m.GetHello() == nil {
		return nil, closeReason{websocket.StatusPolicyViolation, "the first message must be Hello"}
	}
	return m.GetHello(), closeReason{}
}

// welcome answers Hello and returns the sequence number of the frame to continue from; 0 stands for a snapshot.
func (c *client) welcome(ctx context.Context, hello *hubpb.Hello) (uint64, error) {
	epoch := c.hub.source.Epoch()
	resumed, newest := c.hub.log.resumes(hello.LastSeq)
	resumed = resumed && hello.Epoch == epoch
	err := c.write(ctx, encode(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Welcome{Welcome: &hubpb.Welcome{
		Epoch: epoch, Seq: newest, Resumed: resumed, Settings: c.hub.cfg.Settings(ctx),
	}}}))
	if resumed {
		return hello.LastSeq, err
	}
	return 0, err
}

// next reads one message.
func (c *client) next(ctx context.Context) (*hubpb.ClientMessage, closeReason) {
	kind, data, err := c.conn.Read(ctx)
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return nil, closeReason{websocket.StatusMessageTooBig, "message too big"}
	case err != nil:
		return nil, closeReason{}
	case kind != websocket.MessageBinary:
		return nil, closeReason{websocket.StatusUnsupportedData, "expected a binary message: protobuf, conductor.v1.ClientMessage"}
	}
	m := &hubpb.ClientMessage{}
	if proto.Unmarshal(data, m) != nil || m.Message == nil {
		return nil, closeReason{websocket.StatusInvalidFramePayloadData, "expected a conductor.v1.ClientMessage: the protobuf is invalid"}
	}
	return m, closeReason{}
}

// read receives the messages after Hello. It returns when the connection ends, or on an invalid message.
func (c *client) read(ctx context.Context) closeReason {
	for {
		m, bye := c.next(ctx)
		if m == nil {
			return bye
		}
		watch := m.GetWatch()
		if watch == nil {
			return closeReason{websocket.StatusPolicyViolation, "Hello must be sent only once"}
		}
		var id chord.ID
		switch len(watch.Id) {
		case 0:
			c.watched.Store(nil)
		case len(id):
			copy(id[:], watch.Id)
			c.watched.Store(&id)
		default:
			return closeReason{websocket.StatusInvalidFramePayloadData, "Watch: an id has 20 bytes"}
		}
		select {
		case c.rewatch <- struct{}{}:
		default:
		}
	}
}

// detail sends the watched member's details if they have changed.
func (c *client) detail(ctx context.Context, watched *chord.ID, touched bool) error {
	if watched == nil {
		c.sentAny = false
		return nil
	}
	view := c.hub.source.View()
	m := view.Member(*watched)
	if c.sentAny && c.sent == *watched && c.sentMember == m && !touched {
		return nil
	}
	c.sent, c.sentMember, c.sentAny = *watched, m, true
	d := Detail(*watched, view, c.hub.source.EventsAbout(*watched, detailEvents))
	return c.write(ctx, encode(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Detail{Detail: d}}))
}

// write sends one message. If the client does not receive it in time, its connection is closed.
func (c *client) write(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.hub.writeTimeout)
	defer cancel()
	defer c.hub.log.readers.Begin(cancel).End()
	return c.conn.Write(ctx, websocket.MessageBinary, message)
}

// ping detects clients that are gone without closing the connection.
func (c *client) ping(ctx context.Context) {
	tick := time.NewTicker(c.hub.pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limit, cancel := context.WithTimeout(ctx, c.hub.writeTimeout)
		err := c.conn.Ping(limit)
		cancel()
		if err != nil {
			c.conn.CloseNow()
			return
		}
	}
}
