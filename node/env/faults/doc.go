// Package faults hurts a host on purpose: it is a layer between a host's members and their environment, so the same
// faults work in the real world and in the simulated one, and on remote hosts.
//
//	layer := faults.New(e, e.Address())
//	h, err := member.NewHost(cfg, e.Address(), layer, …)
//	e.Serve(layer.ServeRing(h), layer.ServeKeys(h))
//	layer.Set(rules)
//
// A rule speaks of what this host sends to one address: its calls, and its answers to calls from there. A cut on both
// hosts is a partition, a cut on one is one-way. What is lost is noticed as in life, by nobody answering in time.
package faults
