package truthtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"chordconductor/conductor/ingest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
)

// A relay is between the exporters and the conductor, whose receiver and fold are the real ones, and loses, duplicates
// or delays the batches that pass. It also starts and stops the conductor.
type relay struct {
	plogotlp.UnimplementedGRPCServer
	t       *testing.T
	address string
	spoiled time.Time      // when the faults began
	under   sync.WaitGroup // batches that are late

	mu         sync.Mutex
	conditions conditions
	blocked    bool
	dead       map[string]bool // processes that have crashed: what they had not sent yet is lost
	to         *conductor      // nil: down
	last       *ring.View      // of the present conductor, or of the one before
	count      tally
}

// A tally counts batches.
type tally struct{ batches, dropped, doubled, late, refused int }

// A conductor is the part that makes the view.
type conductor struct {
	live      *live.Live
	ingest    *ingest.Server
	conn      *grpc.ClientConn
	end       context.CancelFunc // of the fold
	endIngest context.CancelFunc
	done      chan error
	received  chan error
}

func newRelay(t *testing.T) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, address: l.Addr().String(), last: &ring.View{}, dead: make(map[string]bool)}
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, r)
	ptraceotlp.RegisterGRPCServer(server, &noTraces{})
	pmetricotlp.RegisterGRPCServer(server, &noMetrics{})
	go server.Serve(l)
	t.Cleanup(func() {
		server.Stop()
		r.under.Wait()
		r.stop()
	})
	return r
}

// noTraces and noMetrics accept telemetry that the judge does not compare.
type noTraces struct {
	ptraceotlp.UnimplementedGRPCServer
}

func (*noTraces) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), nil
}

type noMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
}

func (*noMetrics) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), nil
}

// start starts a conductor, whose view is empty.
func (r *relay) start() {
	fail := func(err error) {
		if err != nil {
			r.t.Fatal(err)
		}
	}
	c := &conductor{done: make(chan error, 1), received: make(chan error, 1)}
	var err error
	c.live, err = live.New(live.Config{})
	fail(err)
	ctx, cancel := context.WithCancel(context.Background())
	c.end = cancel
	go func() { c.done <- c.live.Run(ctx) }()
	c.ingest, err = ingest.Open(ctx, ingest.Config{GRPC: "127.0.0.1:0", Grace: time.Minute}, c.live)
	fail(err)
	receiving, end := context.WithCancel(context.Background())
	c.endIngest = end
	go func() { c.received <- c.ingest.Run(receiving) }()
	c.conn, err = grpc.NewClient(c.ingest.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	fail(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = c
}

// stop ends the conductor. Pages that are open still show its last view.
func (r *relay) stop() {
	r.mu.Lock()
	c := r.to
	r.to = nil
	r.mu.Unlock()
	if c == nil {
		return
	}
	_ = c.conn.Close()
	c.endIngest()
	if err := <-c.received; err != nil {
		r.t.Error(err)
	}
	c.end()
	if err := <-c.done; err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = &ring.View{}
}

// view returns the conductor's view; nil while there is none.
func (r *relay) view() *ring.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to != nil {
		r.last = r.to.live.View()
	}
	return r.last
}

// spoil changes the conditions.
func (r *relay) spoil(w conditions) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spoiled.IsZero() {
		r.spoiled = time.Now()
	}
	r.conditions = w
}

// block makes all exports fail, or lets them through again.
func (r *relay) block(blocked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = blocked
}

// processHeader is the name of the header that identifies the sending process.
const processHeader = "process"

// kill loses everything that a process still has to send.
func (r *relay) kill(process string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead[process] = true
}

// Export forwards a batch, loses it, duplicates it or delays it.
func (r *relay) Export(ctx context.Context, q plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	answer := plogotlp.NewExportResponse()
	from := metadata.ValueFromIncomingContext(ctx, processHeader)
	r.mu.Lock()
	if r.dead[from[0]] {
		r.mu.Unlock()
		return answer, nil
	}
	w, c := r.conditions, r.to
	chance := func(share float64) bool { return rand.Float64() < share }
	var drop, double, late bool
	refuse := r.blocked || c == nil
	if refuse {
		r.count.refused++
	} else {
		r.count.batches++
		drop, double, late = chance(w.drop), chance(w.double), chance(w.late)
		r.count.dropped += ones(drop)
		r.count.doubled += ones(double && !drop)
		r.count.late += ones(late && !drop)
	}
	r.mu.Unlock()
	switch {
	case refuse:
		return answer, grpcstatus.Error(codes.Unavailable, "the conductor is down")
	case drop:
		return answer, nil
	}
	if double {
		r.later(c, q, w)
	}
	if late {
		r.later(c, q, w)
		return answer, nil
	}
	return plogotlp.NewGRPCClient(c.conn).Export(ctx, q)
}

// later forwards a copy after a while. By then another conductor may run, or none; then the copy is lost.
func (r *relay) later(c *conductor, q plogotlp.ExportRequest, w conditions) {
	copied := plogotlp.NewExportRequest()
	q.Logs().CopyTo(copied.Logs())
	r.under.Go(func() {
		<-time.After(rand.N(w.lateBy))
		_, _ = plogotlp.NewGRPCClient(c.conn).Export(context.Background(), copied)
	})
}

func ones(b bool) int {
	if b {
		return 1
	}
	return 0
}

// counted returns the tally so far; hosts that are alive still send.
func (r *relay) counted() tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func (n tally) String() string {
	return fmt.Sprintf("of %d batches %d lost, %d doubled, %d late; %d refused to be sent again", n.batches, n.dropped, n.doubled, n.late, n.refused)
}
