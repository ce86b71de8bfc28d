package otel

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"chordconductor/internal/polltest"
	"chordconductor/otel/internal/otlptest"
)

// During an outage of the receiver, events wait. When the receiver is back, all of them arrive in
// order, and the members are notified.
func TestOutageLosesNothing(t *testing.T) {
	for _, protocol := range []string{grpcProtocol, httpProtocol} {
		t.Run(protocol, func(t *testing.T) {
			r := otlptest.New(t)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			var failures errorLog
			tel := start(t, r, func(c *Config) {
				c.OnError = failures.add
				c.IgnoreEnvironment = false
				if protocol == httpProtocol {
					c.Endpoint = r.HTTP
				}
			})
			var notified atomic.Int32
			defer tel.OnRecovery(func() { notified.Add(1) })()

			emitRange(tel, 1, 10)
			r.Wait("the first events", has(t, r, 10))
			r.Stop()
			emitRange(tel, 11, 3000)
			polltest.Until(t, "a failure is reported", func() bool { return failures.String() != "[]" })
			if notified.Load() != 0 {
				t.Error("members notified of a recovery during the outage")
			}
			r.Start()
			r.Wait("the events of the outage", has(t, r, 3000))
			wantRange(t, received(t, r), 1, 3000)
			polltest.Until(t, "members are notified of the recovery, once", func() bool { return notified.Load() == 1 })
			if tel.Lost() != 0 {
				t.Errorf("%d events were lost, want none", tel.Lost())
			}
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// When the queue is full, the oldest events are lost, and exactly the lost ones are counted.
func TestOutageBeyondTheQueue(t *testing.T) {
	r := otlptest.New(t)
	r.Stop()
	tel := start(t, r, func(c *Config) { c.Events.Queue, c.Events.Batch = 1000, 100 })
	var lostWhenNotified atomic.Int64
	defer tel.OnRecovery(func() { lostWhenNotified.Store(tel.Lost()) })()
	emitRange(tel, 1, 5000)
	lost := tel.Lost()
	if lost < 3900 || lost > 4000 {
		t.Errorf("%d of 5000 events were lost, although the queue has room for 1000 and a batch of 100 is being sent", lost)
	}
	r.Start()
	r.Wait("the newest event", has(t, r, 5000))
	got := received(t, r)
	if int64(len(got))+tel.Lost() != 5000 {
		t.Errorf("%d events were received and %d counted as lost, want 5000 together", len(got), tel.Lost())
	}
	wantRange(t, got[len(got)-1000:], 4001, 5000)
	polltest.Until(t, fmt.Sprintf("members are notified of %d lost", lost), func() bool { return lostWhenNotified.Load() == lost })
}

func TestAnswers(t *testing.T) {
	busy := func(code codes.Code, wait time.Duration) error {
		s, err := status.New(code, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
		if err != nil {
			t.Fatal(err)
		}
		return s.Err()
	}
	poison := func(data plog.Logs) bool {
		for _, rec := range data.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			if seq, _ := rec.Attributes().Get("chord.event.seq"); seq.Int() == 77 {
				return true
			}
		}
		return false
	}
	times := func(n int32, err error) func(plog.Logs) error {
		var calls atomic.Int32
		return func(plog.Logs) error {
			if calls.Add(1) <= n {
				return err
			}
			return nil
		}
	}
	for _, c := range []struct {
		name   string
		answer func(plog.Logs) error
		lost   []int64
	}{
		{"unavailable", times(2, status.Error(codes.Unavailable, "busy")), nil},
		{"exhausted with a delay", times(2, busy(codes.ResourceExhausted, 10*time.Millisecond)), nil},
		{"wrong token", times(2, status.Error(codes.Unauthenticated, "who are you")), nil},
		{"too large", func(data plog.Logs) error {
			if data.LogRecordCount() > 60 {
				return status.Error(codes.ResourceExhausted, "message larger than max")
			}
			return nil
		}, nil},
		{"one bad record", func(data plog.Logs) error {
			if poison(data) {
				return consumererror.NewPermanent(status.Error(codes.InvalidArgument, "bad data"))
			}
			return nil
		}, []int64{77}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := otlptest.New(t)
			r.Answer(c.answer)
			tel := start(t, r, nil)
			emitRange(tel, 1, 500)
			r.Wait("the last event", has(t, r, 500))
			if err := tel.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			got := received(t, r)
			if tel.Lost() != int64(len(c.lost)) || len(got) != 500-len(c.lost) {
				t.Errorf("%d events were received, %d were counted as lost, want %d lost", len(got), tel.Lost(), len(c.lost))
			}
			for _, seq := range c.lost {
				if slices.Contains(got, seq) {
					t.Errorf("event %d was refused but received", seq)
				}
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != 500-len(c.lost) {
				t.Error("some events were received twice")
			}
		})
	}
}

// When a receiver accepts a request but drops some of its records, it reports how many.
func TestPartialSuccess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	plogotlp.RegisterGRPCServer(s, &dropper{})
	go s.Serve(l)
	defer s.Stop()

	var failures errorLog
	tel := start(t, &otlptest.Receiver{GRPC: l.Addr().String()}, func(c *Config) {
		c.OnError, c.Events.Interval = failures.add, time.Hour // one request carries all five
	})
	emitRange(tel, 1, 5)
	if err := tel.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if tel.Lost() != 3 || !strings.Contains(failures.String(), "no room") {
		t.Errorf("%d events were counted as lost, want 3; reported failures: %v", tel.Lost(), &failures)
	}
}

type dropper struct {
	plogotlp.UnimplementedGRPCServer
}

func (dropper) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	answer := plogotlp.NewExportResponse()
	answer.PartialSuccess().SetRejectedLogRecords(3)
	answer.PartialSuccess().SetErrorMessage("no room")
	return answer, nil
}

// TestRejectionsAreNoOutage: records that a receiver rejects permanently are counted as lost,
// however many they are and over either protocol. Each reason is reported once. No keyframe is
// requested, since it would be rejected too.
func TestRejectionsAreNoOutage(t *testing.T) {
	for _, http := range []bool{false, true} {
		t.Run(fmt.Sprintf("http %v", http), func(t *testing.T) {
			sink := &rejecter{}
			address := sink.serve(t, http)
			var failures errorLog
			var keyframes atomic.Int32
			if http {
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", httpProtocol)
			}
			tel := start(t, &otlptest.Receiver{GRPC: address}, func(c *Config) {
				if http {
					c.Endpoint, c.IgnoreEnvironment = "http://"+address, false
				}
				c.OnError, c.Events.Batch, c.Events.Interval = failures.add, 10, time.Millisecond
			})
			tel.OnRecovery(func() {
				keyframes.Add(1)
				emitRange(tel, 1000, 1000)
			})
			for round := range int64(5) {
				emitRange(tel, 30*round+1, 30*round+30)
				if err := tel.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			sink.mu.Lock()
			defer sink.mu.Unlock()
			if sink.records != 150 || tel.Lost() != sink.rejected || sink.rejected == 0 {
				t.Errorf("the receiver got %d records and rejected %d, but %d were counted as lost", sink.records, sink.rejected, tel.Lost())
			}
			if n := strings.Count(failures.String(), "break the vocabulary"); n != 1 {
				t.Errorf("the rejection was reported %d times, want once: %v", n, &failures)
			}
			if n := keyframes.Load(); n != 0 {
				t.Errorf("%d keyframes were requested, want none", n)
			}
		})
	}
}

// A rejecter rejects some of the records of each request.
type rejecter struct {
	plogotlp.UnimplementedGRPCServer
	mu                sync.Mutex
	records, requests int
	rejected          int64
}

func (r *rejecter) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := request.Logs().LogRecordCount()
	r.records += n
	r.requests++
	bad := int64(1 + r.requests%n)
	r.rejected += bad
	answer := plogotlp.NewExportResponse()
	answer.PartialSuccess().SetRejectedLogRecords(bad)
	answer.PartialSuccess().SetErrorMessage(fmt.Sprintf("%d log records break the vocabulary of their events: got %d", bad, r.requests))
	return answer, nil
}

func (r *rejecter) serve(t *testing.T, overHTTP bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !overHTTP {
		s := grpc.NewServer()
		plogotlp.RegisterGRPCServer(s, r)
		go s.Serve(l)
		t.Cleanup(s.Stop)
		return l.Addr().String()
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v1/logs" {
			return
		}
		body := io.Reader(req.Body)
		if req.Header.Get("Content-Encoding") == "gzip" {
			if body, err = gzip.NewReader(req.Body); err != nil {
				t.Error(err)
			}
		}
		data, _ := io.ReadAll(body)
		request := plogotlp.NewExportRequest()
		if err := request.UnmarshalProto(data); err != nil {
			t.Error(err)
		}
		answer, _ := r.Export(req.Context(), request)
		data, _ = answer.MarshalProto()
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(data)
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// Shutdown exports the records that wait.
func TestShutdownFlushes(t *testing.T) {
	r := otlptest.New(t)
	tel := start(t, r, func(c *Config) { c.Events.Interval = time.Hour; c.SpanDelay = time.Hour })
	emitRange(tel, 1, 300)
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantRange(t, received(t, r), 1, 300)
	emitRange(tel, 301, 301)
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// Without a receiver, Shutdown ends within its time limit. It counts the lost records, and its
// error gives their number.
func TestShutdownWithoutReceiver(t *testing.T) {
	r := otlptest.New(t)
	r.Stop()
	tel := start(t, r, func(c *Config) { c.Events.Batch = 10 })
	_, span := tel.Tracers.Tracer("test").Start(context.Background(), "chord.join")
	span.End()
	emitRange(tel, 1, 25)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := tel.Shutdown(ctx)
	if err == nil || !strings.Contains(err.Error(), "25 events were not exported") {
		t.Errorf("the error is %v, want one that gives the number of lost events", err)
	}
	if tel.Lost() != 25 {
		t.Errorf("%d events were counted as lost, want 25", tel.Lost())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Shutdown took %v, its context allows 300 ms", took)
	}
}
