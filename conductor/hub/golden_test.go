package hub

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// goldenViews returns two handmade views of a ring of five in which a member fails and keys move.
func goldenViews(now time.Time) (members []*otlptest.Member, before, after *ring.View) {
	for i := range 5 {
		members = append(members, otlptest.NewMember(i, 5, now.UnixNano()))
	}
	before = &ring.View{Seq: 5, Time: now, Name: "golden", Status: ring.Ideal, Bits: 160, ListLen: 2, Replicas: 3, Counts: ring.Counts{Active: 5},
		Certainty: ring.Certainty{State: ring.AllCertain, Of: 5}, Tolerance: ring.Tolerance{Pointers: 1, Keys: 2, Hosts: 1}}
	for i, m := range members {
		state := otlptest.Keyframe(members, i, 2)
		host := chordevent.Host{ID: []string{"host-a", "host-a", "host-b", "host-b", m.Peer.Addr}[i], Address: m.Peer.Addr}
		before.Members = append(before.Members, &ring.Member{
			ID: m.Peer.ID, Incarnation: m.Peer.Incarnation, Seq: 1, Host: host, Ring: "golden", Status: ring.Active,
			FirstEvent: now, LastEvent: now, Started: state.Started, Predecessor: state.Predecessor, Successors: state.Successors,
			Ownership: state.Ownership, Fingers: state.Fingers, Load: state.Load,
		})
	}
	later := *before
	after = &later
	after.Seq, after.Time, after.Status, after.Error = 8, now.Add(2*time.Second), ring.Repairing, 7
	after.Counts = ring.Counts{Active: 4, Failed: 1, Uncertain: 1, Lost: 3, RefusedMembers: 2}
	after.ErrorUnknown, after.Tolerance = 2, ring.Tolerance{Pointers: 1, Keys: 2, Hosts: 1}
	after.Certainty = ring.Certainty{State: ring.PartlyCertain, Count: 1, Of: 5, Members: []ring.UncertainMember{
		{ID: chord.ID{19: 99}, Incarnation: 4, Host: "host-c", Why: ring.NoEvents, Since: now},
	}}
	after.Members = slices.Clone(before.Members)
	updated, dead := *before.Members[1], *before.Members[2]
	updated.Seq, updated.Error, updated.LastEvent = 2, 3, now.Add(time.Second)
	dead.Status, dead.Uncertain = ring.Failed, true
	after.Members[1], after.Members[2] = &updated, &dead
	after.Violations = []ring.Violation{{
		Condition: "OrderedSuccessorLists", Detail: "a list is out of order", Members: []chord.ID{updated.ID, dead.ID},
		Since: now.Add(time.Second), Healed: now.Add(1500 * time.Millisecond), Trace: trace.TraceID{15: 7},
	}}
	return members, before, after
}

// goldens returns messages that the hub's own code makes from those views. The page's tests read the same files:
// NAME.binpb is the message on the wire, NAME.json is its content.
func goldens() map[string]proto.Message {
	now := time.UnixMilli(1790000000123).UTC()
	members, before, after := goldenViews(now)
	t := newTable()
	rows, _ := t.update(before)
	changed, removed := t.update(after)

	failed := members[1].Event(now.Add(time.Second), chordevent.PeerFailed{Peer: members[2].Peer, Operation: chordevent.SpanStabilize})
	failed.Trace = trace.TraceID{15: 7}
	move := members[3].Event(now.Add(1200*time.Millisecond), chordevent.KeysMoved{
		MoveID: "move-1", Phase: chordevent.MoveDone, Outgoing: true, Peer: members[4].Peer, From: members[1].Peer.ID,
		To: members[2].Peer.ID, Keys: 120, Bytes: 15360, Reason: chordevent.MoveRepair,
	})
	stats := live.Stats{
		StalenessP50: 41 * time.Millisecond, StalenessP99: 187500 * time.Microsecond, LookupsSampled: .25,
		Rejected: map[string]uint64{string(chordevent.ReasonMissing): 2},
	}
	lookup := lookups.Lookup{
		Trace: trace.TraceID{15: 9}, Start: now, Duration: 12500 * time.Microsecond, Operation: "get", Mode: chordevent.ModeRecursive,
		Key: members[4].Peer.ID, Outcome: lookups.Timeouts, Hops: []lookups.Hop{
			{ID: members[0].Peer.ID, Pointer: chordevent.PointerSelf},
			{ID: members[3].Peer.ID, Pointer: chordevent.PointerFinger, Slot: 159, At: 4 * time.Millisecond, Timeouts: 1},
			{ID: members[4].Peer.ID, Pointer: chordevent.PointerSuccessor, At: 8 * time.Millisecond},
		},
	}
	sample := live.Sample{
		Time: now, Members: 5, Lookups: 12.5, P50: 4 * time.Millisecond, P99: 20 * time.Millisecond, Puts: 2, Gets: 8, Events: 30.5, Spans: 75,
	}
	sim := &hubpb.Simulation{
		Running: true, Scenario: "demo", Phase: "crash 1", ElapsedS: 12.5, WorkloadRate: 20, WorkloadReads: .8,
		Phases: []*hubpb.Phase{{Name: "crash 1", AtS: 12}, {Name: "partition 0.3", AtS: 20, ForS: 10}},
	}
	server := func(m *hubpb.ServerMessage) proto.Message { return m }
	return map[string]proto.Message{
		"hello": hello("3f6c1e", 41),
		"watch": watch(bytesOf(members[1].Peer.ID)),
		"welcome": server(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Welcome{Welcome: &hubpb.Welcome{
			Epoch: "3f6c1e", Seq: 42, Resumed: true,
			Settings: &hubpb.Settings{Version: "v1.0.0", JaegerUrl: "http://127.0.0.1:16686", GrafanaUrl: "http://127.0.0.1:3000", CanControl: true},
		}}}),
		"snapshot": server(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Snapshot{Snapshot: &hubpb.Snapshot{
			Seq: 42, Ring: ringState(before, stats), Members: columns(rows),
			Events: feedEvents([]live.FeedEvent{live.Describe(6, &failed)}), Lookups: lookupList([]lookups.Lookup{lookup}),
			Samples: sampleList([]live.Sample{sample}), Simulation: sim,
		}}}),
		"patch": server(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Patch{Patch: &hubpb.Patch{
			BaseSeq: 42, Seq: 43, Ring: ringState(after, stats), Changed: columns(changed), Removed: append(removed, 9),
			Events: feedEvents([]live.FeedEvent{live.Describe(7, &move)}),
		}}}),
		"detail": server(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Detail{
			Detail: Detail(members[1].Peer.ID, after, []live.FeedEvent{live.Describe(6, &failed)}),
		}}),
	}
}

func TestGoldenMessages(t *testing.T) {
	for name, m := range goldens() {
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		text := readable(t, m)
		binFile, jsonFile := filepath.Join("testdata", name+".binpb"), filepath.Join("testdata", name+".json")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			for file, data := range map[string][]byte{binFile: wire, jsonFile: text} {
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		for file, want := range map[string][]byte{binFile: wire, jsonFile: text} {
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from what the hub sends now; if that is intended, run go test ./conductor/hub -run Golden -update", file)
			}
		}
	}
}

// readable formats a message as JSON, indented the same way each time.
func readable(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}
