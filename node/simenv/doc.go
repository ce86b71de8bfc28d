// Package simenv is a deterministic world: hosts, tasks, a clock and a network in one process whose runs repeat
// exactly. One seed is one run, bit for bit.
//
//	w := simenv.New(simenv.Config{Seed: 42, Delay: simenv.Exponential(50 * time.Millisecond)})
//	defer w.Close()
//	e, err := w.Host("n1")                       // an env.Env
//	h, err := member.NewHost(cfg, "n1", e, …)
//	e.Serve(h, h, nil, nil)
//	h.Start(1)
//	w.Run(time.Hour)                             // of virtual time
//
// Every task is a coroutine and exactly one runs at a time. A task runs until it sleeps, waits or calls a peer; then
// the world runs the next event, by virtual time and, at the same instant, in the order of scheduling. Nothing else
// decides: no goroutine scheduler, no clock of the machine, no map order.
//
// Messages are passed by reference, each with a delay drawn from the configured distribution, or lost. A crashed host
// answers no calls. Partitions, slow links and pauses are node/env/faults, which works here as in the real world. The
// context of a callee ends as it does over gRPC: with the answer, or with the caller's time limit. Work that continues
// after that must not depend on it, here or there.
//
// Run and RunUntil run as fast as they can. Pace follows the wall clock, at a speed that SetSpeed changes, and lets other
// goroutines add work with Do: so the conductor runs rings of thousands of members in one process. Except for Do and
// SetSpeed, nothing here may be used by two goroutines at a time.
package simenv
