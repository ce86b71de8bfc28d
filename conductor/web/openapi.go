package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"chordconductor/conductor/lab/scenario"
)

const (
	schemaType = "application/schema+json"
	yamlType   = "application/yaml"
)

// openAPI answers with the description of the API.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	answer(w, r, http.StatusOK, s.describe())
}

// scenarioSchema answers with the JSON Schema of scenarios.
func (s *Server) scenarioSchema(w http.ResponseWriter, r *http.Request) {
	send(w, r, http.StatusOK, schemaType, scenario.Schema())
}

// describe makes the OpenAPI document from the table of routes and the types of the messages.
func (s *Server) describe() object {
	t := types{components: object{}, enumerations: enumerations()}
	failure := object{"description": "The error.", "content": object{jsonType: object{"schema": t.of(reflect.TypeFor[errorJSON](), false)}}}
	paths := object{}
	for _, r := range s.table() {
		answers := object{"default": failure}
		for _, a := range r.answers {
			one := object{"description": a.about}
			if len(a.bodies) > 0 {
				kinds := object{}
				for _, b := range a.bodies {
					kinds[b.kind] = object{"schema": t.schema(b.schema, false)}
				}
				one["content"] = kinds
			}
			answers[strconv.Itoa(a.code)] = one
		}
		operation := object{"summary": r.about, "operationId": operationID(r), "responses": answers}
		if params := paramsOf(r); len(params) > 0 {
			operation["parameters"] = params
		}
		if r.body != nil {
			operation["requestBody"] = object{"required": r.body.required, "content": object{r.body.kind: object{"schema": t.schema(r.body.schema, true)}}}
		}
		if !s.secret(r.path) {
			operation["security"] = []object{}
		}
		at, ok := paths[r.path].(object)
		if !ok {
			at = object{}
			paths[r.path] = at
		}
		at[strings.ToLower(r.method)] = operation
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Chord Conductor", "version": s.cfg.Version, "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "All that the page can read and command. Identifiers are hexadecimal, instants RFC 3339. A name that ends in _s is a number of seconds, over the course of a run; one that ends in _ms is a number of milliseconds, of a latency, an age or an offset; names in _ns and _us are of earlier versions, as are duration_ms (now latency_ms) and at_ms (now after_ms). One that ends in _per_second is a rate. See docs/api.md.",
		},
		"servers":  []object{{"url": s.cfg.Base + "/"}},
		"security": []object{{"token": []string{}}, {}},
		"paths":    paths,
		"components": object{
			"schemas":         t.components,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "--token, or --view-token for reading only; none on loopback."}},
		},
	}
}

func operationID(r route) string {
	words := strings.FieldsFunc(strings.TrimPrefix(r.path, "/api"), func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.ToLower(r.method) + "_" + strings.Join(words, "_")
}

// paramsOf returns the parameters in the path and the query.
func paramsOf(r route) (list []object) {
	for part := range strings.SplitSeq(r.path, "/") {
		if name := strings.Trim(part, "{}"); name != part {
			list = append(list, object{"name": name, "in": "path", "required": true, "schema": anyText})
		}
	}
	for _, p := range r.params {
		list = append(list, object{"name": p.name, "in": "query", "description": p.about, "schema": p.schema})
	}
	return list
}

// types makes the schemas of Go types, in the form in which encoding/json writes them. Structs become components, which
// refer to each other.
type types struct {
	components   object
	enumerations map[string][]string // by schema and property
}

func (t types) schema(v any, request bool) any {
	if o, ok := v.(object); ok {
		return o
	}
	return t.of(reflect.TypeOf(v), request)
}

func (t types) of(of reflect.Type, request bool) object {
	switch {
	case of == reflect.TypeFor[time.Time]():
		return instantOf
	case of.Implements(reflect.TypeFor[json.Marshaler]()), of.Kind() == reflect.Interface:
		return object{}
	}
	switch of.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return anyText
	case reflect.Int, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Pointer:
		return object{"anyOf": []object{t.of(of.Elem(), request), {"type": "null"}}}
	case reflect.Slice:
		return object{"type": "array", "items": t.of(of.Elem(), request)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": t.of(of.Elem(), request)}
	case reflect.Struct:
		return t.component(of, request)
	}
	panic("web: no schema for " + of.String()) // not of any message: a test describes them all
}

// component returns a reference to a struct's schema. It makes the schema at the first reference.
func (t types) component(of reflect.Type, request bool) object {
	name := strings.TrimSuffix(of.Name(), "JSON")
	name = strings.ToUpper(name[:1]) + name[1:]
	if pkg := of.PkgPath(); !strings.HasSuffix(pkg, "/web") { // two packages may have one name
		base := pkg[strings.LastIndexByte(pkg, '/')+1:]
		name = strings.ToUpper(base[:1]) + base[1:] + name
	}
	if request && !strings.HasSuffix(name, "Request") {
		name += "Request"
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if t.components[name] != nil {
		return ref
	}
	properties, required := object{}, []string{}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	t.components[name] = schema
	t.fields(of, request, properties, &required)
	for property, schema := range properties {
		if words := t.enumerations[name+"."+property]; words != nil {
			properties[property] = enumerated(schema.(object), words)
		}
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	return ref
}

// enumerated restricts the schema of a text to some values; for a list it restricts the items, for a map the keys, for
// a nullable type the alternative that is not null.
func enumerated(schema object, words []string) object {
	switch {
	case schema["items"] != nil:
		return object{"type": "array", "items": enumerated(schema["items"].(object), words)}
	case schema["additionalProperties"] != nil:
		return object{"type": "object", "additionalProperties": schema["additionalProperties"], "propertyNames": object{"enum": words}}
	case schema["anyOf"] != nil:
		either := schema["anyOf"].([]object)
		return object{"anyOf": []object{enumerated(either[0], words), either[1]}}
	}
	return object{"type": "string", "enum": words}
}

// fields adds the fields of a struct as encoding/json writes them: the struct's own, and those of embedded structs
// unless a field of its own has the same name.
func (t types) fields(of reflect.Type, request bool, properties object, required *[]string) {
	var embedded []reflect.Type
	for i := range of.NumField() {
		f := of.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		kind := f.Type
		if kind.Kind() == reflect.Pointer && (strings.Contains(options, "omitempty") || request) {
			kind = kind.Elem()
		}
		switch {
		case f.Anonymous && name == "":
			embedded = append(embedded, kind)
			continue
		case name == "-" || name == "" && !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		if properties[name] != nil {
			continue
		}
		properties[name] = t.of(kind, request)
		if !request && !strings.Contains(options, "omitempty") || f.Tag.Get("api") == "required" {
			*required = append(*required, name)
		}
	}
	for _, kind := range embedded {
		t.fields(kind, request, properties, required)
	}
}
