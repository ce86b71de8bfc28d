// Package simenv is a deterministic world: hosts, tasks, a clock and a network that exist in one process and repeat
// themselves exactly. One seed is one run, bit for bit.
//
//	w := simenv.New(simenv.Config{Seed: 42, Delay: simenv.Exponential(50 * time.Millisecond)})
//	defer w.Close()
//	e, err := w.Host("n1")                       // an env.Env
//	h, err := member.NewHost(cfg, "n1", e, …)
//	e.Serve(h, h)
//	h.Start(1)
//	w.Run(time.Hour)                             // of virtual time
//
// Every task is a coroutine and exactly one runs at a time. A task runs until it sleeps, waits or calls a peer; then the
// world goes on to the next thing due, by virtual time and, at the same instant, by the order in which it was scheduled.
// Nothing else decides: no goroutine scheduler, no clock of the machine, no map order.
//
// Messages are passed by reference, each with a delay drawn from the configured distribution, or lost. A host that has
// crashed answers nobody. Cuts, slow links and pauses are node/env/faults, which works here as in the real world.
// The context of one who answers a peer ends as it does over gRPC: with the answer, or with the caller's patience. What
// goes on after that must not hang on it, here or there.
//
// Run and RunUntil go as fast as they can. Pace follows the clock on the wall, and lets other goroutines put work in
// with Do: that is how rings of thousands live in one process. Except for Do, nothing here may be used by two goroutines
// at a time.
package simenv
