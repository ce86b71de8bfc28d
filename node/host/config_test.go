package host

import (
	"strings"
	"testing"
)

func TestWordsOfTheStart(t *testing.T) {
	for listen, want := range map[string]string{"0.0.0.0:7001": "0.0.0.0:7001", "127.0.0.1:0": "127.0.0.1:4711", "localhost:0": "localhost:4711"} {
		if got := (&Config{Listen: listen}).bound("[::]:4711"); got != want {
			t.Errorf("listen on %s: %s, want %s", listen, got, want)
		}
	}
	for join, want := range map[string]string{"": "founding it", "a:1": "founding it", "b:1": "joining through b:1", "a:1,b:1": "joining through a:1,b:1"} {
		c := &Config{}
		if join != "" {
			c.Join = strings.Split(join, ",")
		}
		if got := c.way("a:1"); got != want {
			t.Errorf("join %q: %s, want %s", join, got, want)
		}
	}
}

// The presets and the zero value are valid, and the zero value stands for LAN.
func TestPresets(t *testing.T) {
	for name, c := range map[string]Config{"zero": {}, "Local": Local(), "LAN": LAN(), "WAN": WAN()} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := Config{}.validated()
	if err != nil {
		t.Fatal(err)
	}
	lan := LAN()
	if got, want := c.member(), lan.member(); got.Ring != want.Ring || got.Bits != want.Bits || got.Successors != want.Successors ||
		got.Replicas != want.Replicas || got.Stabilize != want.Stabilize || got.CallLimit != want.CallLimit || got.Lookup != want.Lookup ||
		c.VirtualNodes != lan.VirtualNodes || c.JoinTimeout != lan.JoinTimeout {
		t.Errorf("the zero value is %+v, LAN %+v", c, lan)
	}
}

// Open refuses an invalid field with an error of one line that names the field, or its name in
// Names.
func TestInvalid(t *testing.T) {
	for want, c := range map[string]Config{
		`Listen "nonsense": expected HOST:PORT`:                    {Listen: "nonsense"},
		`Listen ":0": a random port on all interfaces`:             {Listen: ":0"},
		`--to ":0": a random port on all interfaces`:               {Listen: ":0", Names: map[string]string{"Listen": "--to"}},
		`Advertise "0.0.0.0:1": is no address`:                     {Advertise: "0.0.0.0:1"},
		`Join ":1": names no host`:                                 {Join: []string{"a:1", ":1"}},
		`JoinTimeout -1s: must be positive`:                        {JoinTimeout: -1e9},
		`bits 2: must be from 3 to 160; replicas 17: must be from`: {Bits: 2, Replicas: 17},
		`virtual nodes 65`:                                         {VirtualNodes: 65},
		`stabilize -1s`:                                            {Stabilize: -1e9},
		`memory limit -1`:                                          {Memory: -1},
		`lookup mode "sideways"`:                                   {Lookup: "sideways"},
		`peers would be unauthenticated`:                           {Listen: "192.0.2.1:7001"},
		`WeakControlToken accepts it`:                              {Listen: "192.0.2.1:7001", Access: Access{Insecure: true, ControlToken: "guess"}},
		`host: cannot listen on 192.0.2.1:7001`:                    {Listen: "192.0.2.1:7001", Access: Access{Insecure: true}},
	} {
		h, err := Open(c)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, %v; want %s", h, err, want)
		}
	}
}
