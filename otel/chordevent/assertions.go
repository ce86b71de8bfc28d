package chordevent

// Names of the assertions that nodes and conductor count when they fail: invariants of their own state, which no input
// can break. Their values in values.go, with what they assert, are for the documentation.
const (
	AssertOwnRange       = "own_range"
	AssertRangeEpoch     = "range_epoch"
	AssertRecordVersion  = "record_version"
	AssertHostMemory     = "host_memory"
	AssertStoreLevels    = "store_levels"
	AssertWritesUnderWay = "writes_under_way"
	AssertSuccessorList  = "successor_list"
	AssertPredecessor    = "predecessor"
	AssertTreeWeights    = "tree_weights"
	AssertMemberCounts   = "member_counts"
	AssertMemberOrder    = "member_order"
	AssertNonNegative    = "non_negative"
	AssertRingErrorSums  = "ring_error"
	AssertViewSequence   = "view_sequence"
)

var (
	nodeAssertions = []string{AssertOwnRange, AssertRangeEpoch, AssertRecordVersion, AssertHostMemory, AssertStoreLevels, AssertWritesUnderWay,
		AssertSuccessorList, AssertPredecessor}
	conductorAssertions = []string{AssertTreeWeights, AssertMemberCounts, AssertMemberOrder, AssertNonNegative, AssertRingErrorSums, AssertViewSequence}
)

const (
	nodeAssertionsText = "`own_range`: an owned range ends at the member's identifier; `range_epoch`: a range that changes has a greater epoch; " +
		"`record_version`: a write has a greater version than what it replaces; `host_memory`, `store_levels`, `writes_under_way`: bytes and keys are not negative; " +
		"`successor_list`: it is in circle order, without the member itself or duplicates; `predecessor`: it is another member"
	conductorAssertionsText = "`tree_weights`: sums over the tree of members agree with each other and with the members counted; `member_counts`: counts by status add up to all members, " +
		"and to those shown; `member_order`: members are shown by identifier, each once; `non_negative`, `ring_error`: counts and sums are not negative; `view_sequence`: views are published in order"
)
