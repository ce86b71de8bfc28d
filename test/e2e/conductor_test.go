package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// A conductor under test and its addresses.
type conductor struct {
	*process
	http, otlpGRPC, otlpHTTP string
	token                    string
}

// startConductor starts bin/conductor on free ports and waits until it is ready.
func startConductor(t *testing.T, args ...string) *conductor {
	t.Helper()
	ports := freePorts(t, 3)
	c := &conductor{http: local(ports[0]), otlpGRPC: local(ports[1]), otlpHTTP: local(ports[2])}
	args = append([]string{"--http", c.http, "--otlp-grpc", c.otlpGRPC, "--otlp-http", c.otlpHTTP}, args...)
	c.process = start(t, nil, binary(t, "conductor"), args...)
	c.ready(t)
	return c
}

func (c *conductor) ready(t *testing.T) {
	t.Helper()
	polltest.Passes(t, 30*time.Second, "conductor ready", func() error {
		status, body := c.call("GET", "/readyz", nil)
		if status != http.StatusOK {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
}

// call makes an API request and returns the answer; status 0 is a failed connection.
func (c *conductor) call(method, path string, body []byte) (status int, answer string) {
	request, err := http.NewRequest(method, "http://"+c.http+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// ring is the answer of GET /api/ring.
type ring struct {
	Epoch  string `json:"epoch"`
	Seq    uint64 `json:"seq"`
	Status string `json:"status"`
	Error  int    `json:"error"`
	// How many of the members the status covers. A ring has settled when all of them are certain.
	Certainty struct {
		State   string `json:"state"`
		Count   int    `json:"count"`
		Members []struct {
			ID   string `json:"id"`
			Host string `json:"host"`
			Why  string `json:"why"`
		} `json:"members"`
	} `json:"certainty"`
	Nodes []struct {
		ID          string `json:"id"`
		Address     string `json:"address"`
		Status      string `json:"status"`
		Predecessor string `json:"predecessor"`
		Keys        int    `json:"keys"`
		Uncertain   bool   `json:"uncertain"`
	} `json:"nodes"`
}

func (c *conductor) ring() (r ring, err error) {
	status, body := c.call("GET", "/api/ring", nil)
	if status != http.StatusOK {
		return r, fmt.Errorf("GET /api/ring: status %d: %s", status, body)
	}
	return r, json.Unmarshal([]byte(body), &r)
}

// with counts the members with a status.
func (r ring) with(status string) (n int) {
	for _, node := range r.Nodes {
		if node.Status == status {
			n++
		}
	}
	return n
}

func (r ring) statusOf(id string) string {
	for _, node := range r.Nodes {
		if node.ID == id {
			return node.Status
		}
	}
	return ""
}

// settles waits for a ring with the given number of active members and the given status.
func (c *conductor) settles(t *testing.T, active int, status string, limit time.Duration) ring {
	t.Helper()
	var r ring
	polltest.Passes(t, limit, fmt.Sprintf("%d active members, %s", active, status), func() (err error) {
		if r, err = c.ring(); err != nil {
			return err
		}
		if r.with("active") != active || r.Status != status || r.Certainty.State != "all" {
			return fmt.Errorf("%d active of %d, status %s, ring error %d, %d uncertain", r.with("active"), len(r.Nodes), r.Status, r.Error, r.Certainty.Count)
		}
		return nil
	})
	return r
}
