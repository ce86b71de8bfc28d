package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A contract is the compiled description of the API: requests and answers are checked against it.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema // guarded by mu; by pointer into the document
}

var theContract = sync.OnceValues(func() (*contract, error) {
	s, err := New(Config{Source: fakeSource{}, Assets: page, Hub: http.NotFoundHandler()})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s.describe())
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	return &contract{doc: doc.(map[string]any), compiler: c, schemas: map[string]*jsonschema.Schema{}}, nil
})

// at returns the value at a path of keys in the document.
func (c *contract) at(keys ...string) (map[string]any, bool) {
	var v any = c.doc
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		v = m[key]
	}
	m, ok := v.(map[string]any)
	return m, ok
}

func (c *contract) validate(v any, keys ...string) error {
	escaped := make([]string, len(keys))
	for i, key := range keys {
		escaped[i] = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key)
	}
	pointer := "openapi.json#/" + strings.Join(escaped, "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.schemas[pointer]
	if s == nil {
		var err error
		if s, err = c.compiler.Compile(pointer); err != nil {
			return err
		}
		c.schemas[pointer] = s
	}
	return s.Validate(v)
}

// operation finds the path in the document that a request matches, as the mux would: literal parts take precedence over
// parameters.
func (c *contract) operation(r *http.Request) (path string, found bool) {
	if isKey(r) {
		if rest := strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), keysPath), "/"); rest == "" {
			return keysPath, true
		}
		return keysPath + "/{key}", true
	}
	paths, _ := c.at("paths")
	if paths[r.URL.Path] != nil {
		return r.URL.Path, true
	}
	parts := strings.Split(r.URL.Path, "/")
	for path := range paths {
		names := strings.Split(path, "/")
		if len(names) == len(parts) && strings.Contains(path, "{id}") {
			same := true
			for i := range names {
				same = same && (names[i] == parts[i] || names[i] == "{id}" && parts[i] != "")
			}
			if same {
				return path, true
			}
		}
	}
	return "", false
}

// holds returns an error if a request or its answer violates the contract. A request that the contract does not allow
// must be answered with an error, and every answer must be one that the contract has.
func (c *contract) holds(r *http.Request, sent string, code int, kind string, body []byte) error {
	path, found := c.operation(r)
	if !found {
		if code < 400 && strings.HasPrefix(r.URL.Path, "/api") {
			return fmt.Errorf("answered %d, and is not described", code)
		}
		return nil
	}
	method := strings.ToLower(r.Method)
	operation, ok := c.at("paths", path, method)
	if !ok {
		if code < 400 && r.Method != http.MethodHead {
			return fmt.Errorf("answered %d, and %s is not described", code, r.Method)
		}
		return nil
	}
	if code < 400 {
		if err := c.allows(r, sent, path, method, operation); err != nil {
			return fmt.Errorf("answered %d: %w", code, err)
		}
	}
	status := strconv.Itoa(code)
	if _, ok := c.at("paths", path, method, "responses", status); !ok {
		if code < 400 {
			return fmt.Errorf("the status %d is not described", code)
		}
		status = "default"
	}
	kind, _, _ = mime.ParseMediaType(kind)
	content, _ := c.at("paths", path, method, "responses", status, "content")
	if content == nil {
		return nil
	}
	if content[kind] == nil {
		return fmt.Errorf("%d as %q is not described", code, kind)
	}
	if kind != jsonType {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	return c.validate(v, "paths", path, method, "responses", status, "content", kind, "schema")
}

// allows checks a request against its operation.
func (c *contract) allows(r *http.Request, sent, path, method string, operation map[string]any) error {
	known := map[string]int{}
	params, _ := operation["parameters"].([]any)
	for i, p := range params {
		if p := p.(map[string]any); p["in"] == "query" {
			known[p["name"].(string)] = i
		}
	}
	for name, values := range r.URL.Query() {
		i, ok := known[name]
		if !ok {
			if path == "/healthz" || path == "/readyz" || path == "/ws" || strings.HasPrefix(path, keysPath) && name == "key" {
				continue
			}
			return fmt.Errorf("the parameter %q is not described", name)
		}
		var v any = values[0]
		if n, err := strconv.ParseFloat(values[0], 64); err == nil {
			v = n
		} else if b, err := strconv.ParseBool(values[0]); err == nil {
			v = b
		}
		errText := c.validate(values[0], "paths", path, method, "parameters", strconv.Itoa(i), "schema")
		if errText != nil && c.validate(v, "paths", path, method, "parameters", strconv.Itoa(i), "schema") != nil {
			return fmt.Errorf("parameter %s=%s: %w", name, values[0], errText)
		}
	}
	if _, takesJSON := c.at("paths", path, method, "requestBody", "content", jsonType); !takesJSON || strings.TrimSpace(sent) == "" {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(sent))
	if err != nil {
		return fmt.Errorf("the request: %w", err)
	}
	return c.validate(v, "paths", path, method, "requestBody", "content", jsonType, "schema")
}

// hold checks a request of the tests' ask function and its answer: a violation of the contract ends the test.
func hold(r *http.Request, sent string, response *http.Response) {
	c, err := theContract()
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if response.Header.Get("Content-Encoding") != "" || r.Method == http.MethodHead {
		return
	}
	if err := c.holds(r, sent, response.StatusCode, response.Header.Get("Content-Type"), body); err != nil {
		panic(fmt.Sprintf("%s %s violates /api/openapi.json: %v\n%s\n%s", r.Method, r.URL, err, sent, body))
	}
}

// The mux and the description have the same routes.
func TestEveryRouteIsDescribed(t *testing.T) {
	s, _ := newServer(t, nil)
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	paths, _ := c.at("paths")
	verbs := []string{"GET", "PUT", "POST", "DELETE", "PATCH"}
	for path := range paths {
		operations, _ := c.at("paths", path)
		concrete := strings.NewReplacer("{id}", "0a", "{key}", "k").Replace(path)
		for _, method := range verbs {
			_, has := operations[strings.ToLower(method)]
			answer := ask(s, method, concrete, "", asPage)
			if serves := answer.StatusCode != http.StatusMethodNotAllowed; serves != has {
				t.Errorf("%s %s: described %t, answered %d", method, path, has, answer.StatusCode)
			}
		}
	}
	for _, r := range s.table() {
		if _, ok := c.at("paths", r.path, strings.ToLower(r.method)); !ok {
			t.Errorf("%s %s is not described", r.method, r.path)
		}
	}
	if len(s.table()) < 35 {
		t.Errorf("%d routes", len(s.table()))
	}
}

// asPage sets a header that a browser's form cannot.
func asPage(r *http.Request) { r.Header.Set("Accept", jsonType) }

// In the description, each operation has an identifier of its own, each schema compiles, and every schema is used.
func TestDescription(t *testing.T) {
	s, _ := newServer(t, nil)
	r := ask(s, "GET", "/api/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	body := text(t, r)
	if err := json.Unmarshal([]byte(body), &doc); err != nil || r.StatusCode != http.StatusOK || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%d %v: %s", r.StatusCode, err, body)
	}
	ids := map[string]string{}
	for path, operations := range doc.Paths {
		for method, o := range operations {
			if o.Summary == "" || o.OperationID == "" || o.Responses["default"] == nil || len(o.Responses) < 2 {
				t.Errorf("%s %s: %+v", method, path, o)
			}
			if other := ids[o.OperationID]; other != "" {
				t.Errorf("%s is the identifier of %s and %s", o.OperationID, path, other)
			}
			ids[o.OperationID] = path
		}
	}
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	for name := range doc.Components.Schemas {
		if err := c.validate(7, "components", "schemas", name); err == nil || strings.Contains(err.Error(), "compile") {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(body, "#/components/schemas/"+name+`"`) {
			t.Errorf("%s is not used", name)
		}
	}
}

// free matches the properties whose texts have no enumeration: names, addresses, identifiers, versions, sentences,
// names of events and operations that other emitters choose.
var free = regexp.MustCompile(`\.(about|address|attribute|cause|damage|detail|error|event|expected|field|file|found|from|got|groups|host|id|ids|instance|instances|key|candidates|member|members|name|notes|operation|owner|path|peer|phase|predecessor|problem|reported_by|ring|scenario|scenario_source|source|successors|text|to|trace_id|epoch|version|go|platform|what|who|for)$`)

// Every text of the API has an enumeration, has a form, or is known to be free; and every enumeration belongs to an
// existing text.
func TestEnumerationsAreComplete(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	all := enumerations()
	var look func(name string, schema map[string]any)
	look = func(name string, schema map[string]any) {
		for _, inner := range []string{"items", "additionalProperties"} {
			if s, ok := schema[inner].(map[string]any); ok {
				look(name, s)
			}
		}
		if either, ok := schema["anyOf"].([]any); ok {
			look(name, either[0].(map[string]any))
		}
		if _, ok := schema["propertyNames"]; ok || schema["enum"] != nil {
			used[name] = true
		}
		if schema["type"] == "string" && schema["enum"] == nil && schema["format"] == nil && schema["pattern"] == nil && (all[name] != nil || !free.MatchString(name)) {
			t.Errorf("%s: any text", name)
		}
	}
	schemas, _ := c.at("components", "schemas")
	for name := range schemas {
		properties, _ := c.at("components", "schemas", name, "properties")
		for property, schema := range properties {
			look(name+"."+property, schema.(map[string]any))
		}
	}
	for name, words := range all {
		if !used[name] {
			t.Errorf("%s: an enumeration of a text that the API does not have", name)
		}
		if slices.Sort(words); len(words) == 0 || len(slices.Compact(words)) != len(all[name]) {
			t.Errorf("%s: %q", name, words)
		}
	}
}

// A contract that accepts everything would check nothing.
func TestContractRefuses(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ method, path, sent, answer string }{
		{"GET", "/api/lookups", "", `{"lookups": [], "more": 1}`},
		{"GET", "/api/lookups", "", `{}`},
		{"GET", "/api/lookups", "", `{"lookups": [{}]}`},
		{"GET", "/api/lookups?limit=x", "", `{"lookups": []}`},
		{"GET", "/api/lookups?most=1", "", `{"lookups": []}`},
		{"GET", "/api/nothing", "", `{}`},
		{"PUT", "/api/replay", `{"speed": "fast"}`, `{}`},
	} {
		r, err := http.NewRequest(test.method, test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.holds(r, test.sent, http.StatusOK, jsonType, []byte(test.answer)) == nil {
			t.Errorf("%+v passes", test)
		}
	}
}
