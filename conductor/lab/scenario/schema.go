package scenario

import (
	"encoding/json"
	"sync"

	"chordconductor/node/member"
)

//go:generate go run ./schemagen ../../../docs/scenario.schema.json

type object = map[string]any

// Schema returns the JSON Schema (2020-12) of a scenario: its fields, their types and bounds, for editors and other
// programs. It accepts everything that Parse accepts, and rejects every file that Parse rejects because of a single
// field; only Parse checks combinations of fields (a phase after the end, more crashes than members).
var Schema = sync.OnceValue(func() []byte {
	text, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil {
		panic(err) // texts and numbers: cannot fail
	}
	return append(text, '\n')
})

func schema() object {
	workload := mapping(object{
		"rate":         rate("operations per second"),
		"reads":        number(0, 1, "share of gets among gets and puts"),
		"lookups":      number(0, 1, "share of all operations that only look a key up"),
		"keys":         integer(1, MaxKeys, "distinct keys"),
		"distribution": words(string(KeysUniform), string(KeysZipf), string(KeysHotspot), string(KeysSequential)),
		"value_bytes": object{"anyOf": []object{
			integer(minValue, MaxValue, "bytes of each value"),
			mapping(object{"min": integer(minValue, MaxValue, ""), "max": integer(minValue, MaxValue, "")}),
		}},
		"data":    words(string(Quotes), string(Synthetic)),
		"poisson": object{"type": "boolean", "description": "exponential gaps between operations instead of equal ones"},
	})
	expect := object{"allow_unmeasured": object{"type": "array", "items": words(metricNames()...), "description": "metrics that may be left unmeasured"}}
	for _, m := range metrics {
		if m.Seconds() {
			expect[string(m)] = durationText("at most")
		} else {
			expect[string(m)] = number(0, 1e15, "at most")
		}
	}
	root := mapping(object{
		"name": text(),
		"seed": object{"anyOf": []object{
			{"type": "integer", "minimum": 0},
			{"type": "string", "pattern": "^(0|[1-9][0-9_]*|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)$"},
		}, "description": "one seed is one run in virtual time; up to 2^64-1"},
		"ring": mapping(object{
			"members":       integer(1, MaxMembers, "at the start"),
			"bits":          integer(3, 160, "the circle has 2^bits identifiers"),
			"successors":    integer(1, member.MaxSuccessors, "length of a successor list"),
			"replicas":      integer(1, member.MaxReplicas, "hosts that hold each key"),
			"virtual_nodes": integer(1, member.MaxVirtualNodes, "members on each host"),
			"transport":     words(string(GRPC), string(Memory)),
			"lookup":        words("recursive", "iterative"),
		}),
		"timing": mapping(object{
			"stabilize":  durationText("base interval of ring maintenance, from 10ms"),
			"call_limit": durationText("a call that is not answered by then is unanswered, 10ms to 1m"),
			"keyframe":   durationText("between two keyframes of a member, from 1s"),
		}),
		"network": mapping(object{
			"latency": durationText("one way, up to 10s"),
			"jitter":  durationText("added, uniform, up to 10s"),
			"spread":  words(string(Uniform), string(Exponential)),
			"loss":    number(0, 0.9, "share of messages that never arrive"),
		}),
		"workload": workload,
		"phases":   object{"type": "array", "maxItems": MaxPhases, "items": phaseSchema(workload)},
		"duration": durationText("of the whole, 1s to 24h; without one the scenario runs until it is stopped"),
		"expect":   mapping(expect),
	})
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Scenario of Chord Conductor"
	return root
}

// phaseSchema returns the schema of a phase, which has exactly one action beside the fields that any phase may have.
func phaseSchema(workload object) object {
	share := func(names ...string) object {
		fields := object{}
		for _, name := range names {
			fields[name] = number(0.001, 1, "a share of the hosts")
		}
		m := mapping(fields)
		m["required"] = names
		return m
	}
	slow := mapping(object{"fraction": number(0.001, 1, "a share of the hosts"), "latency": durationText("added, 1ms to 10s")})
	slow["required"] = []string{"fraction", "latency"}
	churn := mapping(object{"join": rate("members per second"), "leave": rate(""), "crash": rate("")})
	churn["minProperties"] = 1
	verbs := object{
		"join": integer(1, MaxMembers, "members"), "leave": integer(1, MaxMembers, "members"), "crash": integer(1, MaxMembers, "members"),
		"pause": integer(1, MaxMembers, "hosts"), "churn": churn, "heal": object{"const": true}, "partition": share("fraction"),
		"telemetry_outage": share("fraction"), "one_way_cut": share("from", "to"), "slow_link": slow, "workload": workload,
	}
	fields := object{
		"name": text(), "at": durationText("since the start"), "for": durationText("how long it lasts"),
		"adjacent":      object{"type": "boolean", "description": "with crash: neighbours on the ring"},
		"allow_partial": object{"type": "boolean", "description": "it may do less than it asks for"},
	}
	one := []object{}
	for _, name := range []string{"churn", "crash", "heal", "join", "leave", "one_way_cut", "partition", "pause", "slow_link", "telemetry_outage", "workload"} {
		fields[name] = verbs[name]
		one = append(one, object{"required": []string{name}})
	}
	p := mapping(fields)
	p["required"] = []string{"at"}
	p["oneOf"] = one
	p["dependentSchemas"] = object{
		"adjacent": object{"anyOf": []object{{"required": []string{"crash"}}, {"properties": object{"adjacent": object{"const": false}}}}},
		"heal":     object{"properties": object{"for": false}},
	}
	return p
}

func mapping(fields object) object {
	return object{"type": "object", "properties": fields, "additionalProperties": false}
}

func integer(low, high int, about string) object {
	return described(object{"type": "integer", "minimum": low, "maximum": high}, about)
}

func number(low, high float64, about string) object {
	return described(object{"type": "number", "minimum": low, "maximum": high}, about)
}

func text() object {
	return object{"type": "string", "minLength": 1, "maxLength": 80, "pattern": `^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$`}
}

func words(allowed ...string) object { return object{"enum": allowed} }

func metricNames() (names []string) {
	for _, m := range metrics {
		names = append(names, string(m))
	}
	return names
}

// durationText returns the schema of a number with a unit, as Go writes it; 0 needs no unit.
func durationText(about string) object {
	const one = `[0-9]*\.?[0-9]+(ns|us|µs|μs|ms|s|m|h)|[0-9]+\.(ns|us|µs|μs|ms|s|m|h)`
	return described(object{"anyOf": []object{{"type": "string", "pattern": `^\+?((` + one + `)+|0)$`}, {"const": 0}}}, about)
}

// rate returns the schema of a number per second, or of a number with its unit.
func rate(about string) object {
	return described(object{"anyOf": []object{
		{"type": "number", "minimum": 0, "maximum": MaxRate},
		{"type": "string", "pattern": `^\s*[0-9.eE+]+\s*(/\s*[smh]\s*)?$`},
	}}, about)
}

func described(o object, about string) object {
	if about != "" {
		o["description"] = about
	}
	return o
}
