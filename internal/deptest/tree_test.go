package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "chordconductor/"

// A source is one Go file of the module.
type source struct {
	name      string // path from the module's root, with slashes
	dir       string
	test      bool
	generated bool
	ast       *ast.File
	imports   []string
	lines     int
}

var (
	files    = token.NewFileSet()
	readTree = sync.OnceValues(func() (all []source, err error) {
		root := filepath.Join("..", "..")
		err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata" || hasGoMod(name)) {
					return filepath.SkipDir
				}
				return nil
			}
			if !strings.HasSuffix(name, ".go") {
				return nil
			}
			parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			s := source{
				name: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
				generated: ast.IsGenerated(parsed), ast: parsed, lines: files.File(parsed.Pos()).LineCount(),
			}
			for _, i := range parsed.Imports {
				target, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					return err
				}
				s.imports = append(s.imports, target)
			}
			all = append(all, s)
			return nil
		})
		return all, err
	})
)

// hasGoMod reports whether dir is a module of its own.
func hasGoMod(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func tree(t *testing.T) []source {
	t.Helper()
	all, err := readTree()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d files: this is not the module's root", len(all))
	}
	return all
}

// within reports whether p is dir or lies below it. The empty dir contains every path.
func within(p, dir string) bool {
	return dir == "" || p == dir || strings.HasPrefix(p, dir+"/")
}

func withinAny(p string, dirs ...string) bool {
	for _, dir := range dirs {
		if within(p, dir) {
			return true
		}
	}
	return false
}

// calls visits the calls of functions of imported packages in a file, with the package's path and
// the function's name.
func (s *source) calls(visit func(pkg, function string, at token.Position)) {
	names := map[string]string{}
	for i, spec := range s.ast.Imports {
		name := path.Base(s.imports[i])
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = s.imports[i]
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && names[x.Name] != "" {
				visit(names[x.Name], sel.Sel.Name, files.Position(call.Pos()))
			}
		}
		return true
	})
}
