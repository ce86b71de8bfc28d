// Package deploy gives simulations and the controller access to a ring's hosts: a Fleet, which lists and commands them,
// a Deployment, which adds the runtime of their tasks, and the errors of commands.
//
// Package local makes the hosts of a ring in this process, on the wall clock or in a simulated world, package remote
// reaches hosts elsewhere, and package faults imposes faults on both. None of them depends on the packages that run a
// simulation or judge its result.
package deploy
