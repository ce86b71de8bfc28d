package chordevent

import "go.opentelemetry.io/otel/attribute"

// Load has the numbers of keys held, and of operations served as the owner.
type Load struct {
	OwnedKeys, ReplicaKeys int64
	Bytes                  int64 // of owned and replica records
	Gets, Puts, Deletes    int64

	// Of an owner, if it reports them: see the table.
	UnderReplicated int64 // keys of its range that it does not know to be on R hosts
	KnownHosts      int64 // distinct hosts that it counts as replicas, its own included
	FullReplicas    int64 // those that hold all of its range
}

// Attribute names of a load that other packages use.
const (
	LoadOwnedKeysKey       attribute.Key = "chord.load.owned_keys"
	LoadUnderReplicatedKey attribute.Key = "chord.load.under_replicated_keys"
	LoadKnownHostsKey      attribute.Key = "chord.load.known_hosts"
	LoadFullReplicasKey    attribute.Key = "chord.load.full_replicas"
)

// A loadCount is a row of the table of a load.
type loadCount struct {
	key      attribute.Key
	text     string
	example  string
	optional bool // a member need not report it: a record without it is valid, and the count is then 0
}

// loadCounts is the one table of what a load consists of, a row for each of Counts: the attributes of events, what is
// stored (package encoding) and docs/telemetry.md follow it.
var loadCounts = [...]loadCount{
	{LoadOwnedKeysKey, "keys in the member's own range", "5000", false},
	{"chord.load.replica_keys", "keys held as a replica", "10000", false},
	{"chord.load.bytes", "bytes of both", "1920000", false},
	{"chord.load.gets", "gets served as owner since the start", "70311", false},
	{"chord.load.puts", "puts served as owner since the start", "17500", false},
	{"chord.load.deletes", "deletes served as owner since the start", "12", false},
	{LoadUnderReplicatedKey, "keys in its own range that it does not know to be on R distinct hosts; absent: not reported", "0", true},
	{LoadKnownHostsKey, "distinct hosts that it counts as replicas of its range, its own included, up to 2R+3; 0 or absent: not reported, or it owns nothing", "4", true},
	{LoadFullReplicasKey, "distinct hosts, its own included, that held all of its range when last compared, at most R; 0 or absent: as before", "3", true},
}

// LoadCounts is the number of counts of a load.
const LoadCounts = len(loadCounts)

// Counts returns the places of a load's counts. Stored loads are in this order: new ones go to the end.
func (l *Load) Counts() [LoadCounts]*int64 {
	return [...]*int64{
		&l.OwnedKeys, &l.ReplicaKeys, &l.Bytes, &l.Gets, &l.Puts, &l.Deletes, &l.UnderReplicated, &l.KnownHosts, &l.FullReplicas,
	}
}

// loadFields and loadOptional are the table's part in the rows of events.
var loadFields, loadOptional = func() (fields []field, optional uint64) {
	for i, c := range &loadCounts {
		f := fLoad + field(i)
		fields = append(fields, f)
		if c.optional {
			optional |= 1 << f
		}
	}
	return fields, optional
}()
