package deptest

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/publicnames.txt anew")

// A rename of identifiers must not change a name that others parse. Such a name is changed only on
// purpose, with a line in the changelog and in testdata/publicnames.txt (go test ./internal/deptest
// -run PublicNames -update).
func TestPublicNames(t *testing.T) {
	names := publicNames(t)
	const golden = "testdata/publicnames.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(names, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(names) < 500 {
		t.Fatalf("only %d names found: this test no longer finds all of them", len(names))
	}
	for _, name := range before {
		if !slices.Contains(names, name) {
			t.Errorf("%s, which others parse, no longer exists", name)
		}
	}
	for _, name := range names {
		if !slices.Contains(before, name) {
			t.Errorf("%s is new, and not in %s", name, golden)
		}
	}
}

var (
	telemetryName = regexp.MustCompile(`^chord\.[a-z_.]+$`)
	route         = regexp.MustCompile(`^((GET|POST|PUT|DELETE) )?/(api/\S+|healthz|ws|v1/\w+)$`)
	protoMessage  = regexp.MustCompile(`^\s*(message|enum|service|oneof)\s+(\w+)`)
	protoField    = regexp.MustCompile(`^\s*(?:repeated |optional )?(?:map<[^>]+>|[\w.]+)\s+(\w+)\s*=\s*(\d+)`)
	protoValue    = regexp.MustCompile(`^\s*([A-Z]\w+)\s*=\s*(\d+)`)
	protoCall     = regexp.MustCompile(`^\s*rpc\s+(\w+)`)
)

// publicNames returns the sorted names that others parse: keys of JSON and YAML, flags, routes, and
// the names of telemetry and of protobuf.
func publicNames(t *testing.T) []string {
	all := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || s.generated || strings.HasPrefix(s.dir, "internal/deptest") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				if n.Tag != nil {
					tag, _ := strconv.Unquote(n.Tag.Value)
					for _, kind := range []string{"json", "yaml"} {
						if key, _, _ := strings.Cut(reflect.StructTag(tag).Get(kind), ","); key != "" && key != "-" {
							all[kind+" "+key] = true
						}
					}
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					switch text, _ := strconv.Unquote(n.Value); {
					case telemetryName.MatchString(text):
						all["telemetry "+text] = true
					case route.MatchString(text):
						all["route "+text] = true
					}
				}
			case *ast.CallExpr:
				if name := flagOf(n); name != "" {
					all["flag "+name] = true
				}
			}
			return true
		})
	}
	for _, key := range scenarioKeys(t) {
		all["scenario "+key] = true
	}
	protos, err := filepath.Glob("../../*/*/*.proto")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../../*/*/*/*.proto")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(protos, deeper) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		within := ""
		for line := range strings.Lines(string(text)) {
			prefix := "protobuf " + filepath.Base(file) + " "
			if m := protoMessage.FindStringSubmatch(line); m != nil {
				if m[1] != "oneof" {
					within = m[2]
				}
				all[prefix+within] = true
			} else if m := protoCall.FindStringSubmatch(line); m != nil {
				all[prefix+within+"."+m[1]] = true
			} else if m := protoValue.FindStringSubmatch(line); m != nil {
				all[prefix+within+"."+m[1]+"="+m[2]] = true
			} else if m := protoField.FindStringSubmatch(line); m != nil {
				all[prefix+within+"."+m[1]+"="+m[2]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// scenarioKeys returns the keys of scenarios, from their published schema.
func scenarioKeys(t *testing.T) (keys []string) {
	text, err := os.ReadFile("../../docs/scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var visit func(node any)
	visit = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if properties, ok := node["properties"].(map[string]any); ok {
				keys = slices.AppendSeq(keys, maps.Keys(properties))
			}
			for _, child := range node {
				visit(child)
			}
		case []any:
			for _, child := range node {
				visit(child)
			}
		}
	}
	visit(schema)
	return keys
}

var flagMethods = regexp.MustCompile(`^(String|Bool|Int|Int64|Uint|Uint64|Float64|Duration|Text|Func|BoolFunc|StringSlice|StringArray|Count|)(Var)?P?$`)

// flagOf returns the name of the flag that a call defines, or "".
func flagOf(call *ast.CallExpr) string {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !flagMethods.MatchString(method.Sel.Name) || len(call.Args) < 3 {
		return ""
	}
	for _, arg := range call.Args[:2] {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, _ := strconv.Unquote(lit.Value); regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(name) {
				return name
			}
		}
	}
	return ""
}
