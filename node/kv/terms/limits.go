package terms

const (
	// BatchBytes and BatchRecords bound a message that carries records; a single record may be larger than BatchBytes.
	BatchBytes   = 512 << 10
	BatchRecords = 512
)
