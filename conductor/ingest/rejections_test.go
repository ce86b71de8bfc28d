package ingest

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/otel/chordevent"
)

// almostRight returns every keyframe that lacks one attribute, or has it with another type; each with the attribute's
// name.
func almostRight() (records []plog.Logs, attributes []string) {
	_, events := otlptest.Ring(4, 2, time.Now())
	sound := otlptest.Logs(events[0])
	var names []string
	for name := range recordOf(sound).Attributes().All() {
		names = append(names, name)
	}
	for _, name := range names {
		for _, change := range []func(pcommon.Map){
			func(m pcommon.Map) { m.Remove(name) },
			func(m pcommon.Map) { m.PutDouble(name, 0.5) },
		} {
			ld := plog.NewLogs()
			sound.CopyTo(ld)
			change(recordOf(ld).Attributes())
			records, attributes = append(records, ld), append(attributes, name)
		}
	}
	return records, attributes
}

func recordOf(ld plog.Logs) plog.LogRecord {
	return ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

// TestAlmostRightIsNamed: records that have event names of the vocabulary and violate it are counted and named, over
// both protocols and in both encodings.
func TestAlmostRightIsNamed(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}, sink)
	client := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	records, attributes := almostRight()
	optional := 0
	for i, ld := range records {
		request := plogotlp.NewExportRequestFromLogs(ld)
		answers := map[string]plogotlp.ExportPartialSuccess{}
		answer, err := client.Export(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		answers["gRPC"] = answer.PartialSuccess()
		for kind, encode := range map[string]func() ([]byte, error){"application/json": request.MarshalJSON, "application/x-protobuf": request.MarshalProto} {
			body, err := encode()
			if err != nil {
				t.Fatal(err)
			}
			code, _, got := post(t, "http://"+s.HTTPAddr()+"/v1/logs", kind, "", body)
			answer := plogotlp.NewExportResponse()
			decode := answer.UnmarshalProto
			if kind == "application/json" {
				decode = answer.UnmarshalJSON
			}
			if err := decode(got); err != nil || code != 200 {
				t.Fatalf("%s: %d %q %v", kind, code, got, err)
			}
			answers[kind] = answer.PartialSuccess()
		}
		missing := i%2 == 0
		for how, part := range answers {
			named := part.RejectedLogRecords() == 1 && strings.Contains(part.ErrorMessage(), attributes[i]) &&
				strings.Contains(part.ErrorMessage(), string(chordevent.KindState)) && strings.Contains(part.ErrorMessage(), "expected ") &&
				(missing && strings.Contains(part.ErrorMessage(), "got nothing") || strings.Contains(part.ErrorMessage(), `got double "0.5"`))
			if missing && part.RejectedLogRecords() == 0 && part.ErrorMessage() == "" {
				optional++
				continue
			}
			if !named {
				t.Errorf("%s: record %d (%s): %d rejected, %q", how, i, attributes[i], part.RejectedLogRecords(), part.ErrorMessage())
			}
		}
	}
	if optional > len(records) {
		t.Errorf("%d of %d records that lack something are accepted", optional, 3*len(records)/2)
	}
	st := s.Stats()
	if len(st.Rejections) == 0 || len(st.Rejections) > maxRejections || st.Rejections[0].Instance == "" || st.Rejections[0].Expected == "" {
		t.Errorf("%+v", st.Rejections)
	}
}

// TestNamesThatLookLikeOurs: a record whose name resembles one of the vocabulary does not make the request fail, but is
// listed among the rejections; a foreign record is not.
func TestNamesThatLookLikeOurs(t *testing.T) {
	s := start(t, Config{GRPC: "127.0.0.1:0"}, newRecorder())
	client := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	for name, want := range map[string]string{"chord.node.states": `event "chord.node.states": unknown_event`, "other.event": "", "": ""} {
		_, events := otlptest.Ring(1, 2, time.Now())
		ld := otlptest.Logs(events[0])
		recordOf(ld).SetEventName(name)
		answer, err := client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
		if err != nil {
			t.Fatal(err)
		}
		part := answer.PartialSuccess()
		if part.RejectedLogRecords() != 0 || want == "" && part.ErrorMessage() != "" || !strings.Contains(part.ErrorMessage(), want) {
			t.Errorf("%q: %d rejected, %q", name, part.RejectedLogRecords(), part.ErrorMessage())
		}
	}
}

// TestRejectionsAreBounded: senders that invent names cannot make the memory or the answer grow.
func TestRejectionsAreBounded(t *testing.T) {
	r := newRejections(slog.New(slog.DiscardHandler))
	var v verdict
	for i := range 10 * maxRejections {
		err := &chordevent.DecodeError{Event: fmt.Sprint("chord.", i), Reason: chordevent.ReasonUnknown}
		r.note(time.Now(), chordevent.Source{Instance: fmt.Sprint(i)}, err)
		v.add(err)
	}
	if list, more := r.list(); len(list) != maxRejections || more != 9*maxRejections {
		t.Errorf("%d are listed, %d more", len(list), more)
	}
	if len(v.message()) > 1000 || !strings.HasSuffix(v.message(), "; and more") {
		t.Errorf("%q", v.message())
	}
}

// TestOldRejectionsGiveWay: rejections of processes that have ended, of as many kinds as are kept, do not keep a later
// kind from being listed and logged; rejections that continue do.
func TestOldRejectionsGiveWay(t *testing.T) {
	var logged strings.Builder
	r := newRejections(slog.New(slog.NewTextHandler(&logged, nil)))
	now := time.Now()
	note := func(instance string) {
		r.note(now, chordevent.Source{Instance: instance}, &chordevent.DecodeError{Event: "chord.node.state", Reason: chordevent.ReasonMissing})
	}
	for i := range maxRejections {
		note(fmt.Sprint("old-", i))
	}
	note("too-early")
	if list, more := r.list(); len(list) != maxRejections || more != 1 || strings.Contains(logged.String(), "too-early") {
		t.Errorf("%d are listed, %d more", len(list), more)
	}
	now = now.Add(lastRepeat + time.Second)
	for i := range maxRejections - 1 {
		note(fmt.Sprint("old-", i)) // goes on
	}
	note("new")
	note("another")
	list, more := r.list()
	var total uint64
	names := map[string]bool{}
	for i := range list {
		total += list[i].Records
		names[list[i].Instance] = true
	}
	if len(list) != maxRejections || !names["new"] || !names["old-0"] || names["another"] || total+more != 2*maxRejections+2 {
		t.Errorf("%d are listed, new among them: %t; %d records, %d more", len(list), names["new"], total, more)
	}
	if !strings.Contains(logged.String(), "instance=new") || strings.Contains(logged.String(), "another") {
		t.Error("what is new is not logged")
	}
}
