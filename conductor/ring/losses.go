package ring

// maxCounted bounds what one emitter's number adds to a sum, so that the sum cannot overflow: there are fewer than 2^22
// members and processes.
const maxCounted = 1 << 40

// maxProcesses bounds the processes whose losses are counted. Those beyond it are not counted.
const maxProcesses = 4096

// losses adds up the telemetry records that processes report as lost. Each process counts from its start, so the
// greatest number of each process is used.
type losses struct {
	by    map[string]int64 // service.instance.id
	bytes int64            // of memory
	total int64
}

func (l *losses) note(instance string, lost int64) {
	lost = min(lost, maxCounted)
	was, known := l.by[instance]
	if lost <= was || !known && len(l.by) == maxProcesses {
		return
	}
	if !known {
		l.bytes += processSize + textSize(instance)
	}
	l.by[instance] = lost
	l.total += lost - was
}
