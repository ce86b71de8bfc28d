package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The API's description that the program serves is valid by OpenAPI's own schema of 3.1 documents, also behind a prefix.
// The check itself rejects invalid documents.
func TestOpenAPIDocument(t *testing.T) {
	meta, err := jsonschema.UnmarshalJSON(strings.NewReader(datamodel.OpenAPI31SchemaData))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", meta); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	for path, args := range map[string][]string{
		"/api/openapi.json":        {"--scenario", "none"},
		"/ring-a/api/openapi.json": {"--scenario", "none", "--base-path", "/ring-a"},
	} {
		c := startConductor(t, args...)
		status, text := c.call("GET", path, nil)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, text)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}

	// Each is the whole document with one part removed or wrong.
	c := startConductor(t, "--scenario", "none")
	_, text := c.call("GET", "/api/openapi.json", nil)
	for name, spoil := range map[string]func(doc map[string]any){
		"no version":                func(doc map[string]any) { delete(doc, "openapi") },
		"another version":           func(doc map[string]any) { doc["openapi"] = "3.0.0" },
		"no title":                  func(doc map[string]any) { delete(doc["info"].(map[string]any), "title") },
		"a field that is not there": func(doc map[string]any) { doc["routes"] = []any{} },
		"no paths or components": func(doc map[string]any) {
			delete(doc, "paths")
			delete(doc, "components")
		},
		"a path without a slash": func(doc map[string]any) { doc["paths"].(map[string]any)["api"] = map[string]any{} },
		"an answer without a description": func(doc map[string]any) {
			ring := doc["paths"].(map[string]any)["/api/ring"].(map[string]any)["get"].(map[string]any)
			delete(ring["responses"].(map[string]any)["200"].(map[string]any), "description")
		},
		"a parameter in no place": func(doc map[string]any) {
			ring := doc["paths"].(map[string]any)["/api/ring"].(map[string]any)["get"].(map[string]any)
			delete(ring["parameters"].([]any)[0].(map[string]any), "in")
		},
	} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		spoil(doc)
		if schema.Validate(doc) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
