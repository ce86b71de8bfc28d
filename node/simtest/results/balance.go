package main

import (
	"encoding/binary"
	"fmt"
	"slices"

	"chordconductor/node/chord"
)

// A Balance is the distribution of keys over hosts: ToN figures 8 and 9.
type Balance struct {
	Hosts, Virtual int // hosts, and members on each
	Keys           int
	Load           Stat // keys of a host, relative to the mean: all hosts of all rings
	Fullest        Stat // keys of the fullest host, ring by ring
}

// measureBalance places keys on some rings and counts after each number in counts.
func measureBalance(hosts, virtual int, counts []int, rings int, seed uint64) []Balance {
	load, fullest := make([]sample, len(counts)), make([]sample, len(counts))
	for ring := range uint64(rings) {
		places := placesOf(hosts, virtual, seed+ring)
		held := make([]int, hosts)
		placed := 0
		for i, keys := range counts {
			for ; placed < keys; placed++ {
				held[ownerOf(places, numberedKey(seed+ring, placed))]++
			}
			mean := float64(keys) / float64(hosts)
			for _, n := range held {
				add(&load[i], float64(n)/mean)
			}
			add(&fullest[i], float64(slices.Max(held))/mean)
		}
	}
	list := make([]Balance, len(counts))
	for i, keys := range counts {
		list[i] = Balance{hosts, virtual, keys, load[i].stat(), fullest[i].stat()}
	}
	return list
}

// A place is a member's position on the circle, and its host.
type place struct {
	id   chord.ID
	host int
}

func placesOf(hosts, virtual int, seed uint64) []place {
	list := make([]place, 0, hosts*virtual)
	for h := range hosts {
		addr := fmt.Sprintf("host-%d-%d:7001", seed, h)
		for v := range virtual {
			list = append(list, place{circle.MemberID(addr, v), h})
		}
	}
	slices.SortFunc(list, func(a, b place) int { return a.id.Compare(b.id) })
	return list
}

// ownerOf is the host of the first place at or after a key.
func ownerOf(places []place, key chord.ID) int {
	i, _ := slices.BinarySearchFunc(places, key, func(p place, key chord.ID) int { return p.id.Compare(key) })
	return places[i%len(places)].host
}

func numberedKey(seed uint64, n int) chord.ID {
	return circle.Hash(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), uint64(n)))
}
