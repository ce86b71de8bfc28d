package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one change of one file: bytes from start to end become text.
type mutant struct {
	name       string // for named ones
	operator   string
	file       string // relative to the root of the repository
	line       int
	start, end int
	text       string
	before     string // the line before the change; after: the line after it
	after      string
}

func (m mutant) String() string {
	if m.name != "" {
		return "named/" + m.name
	}
	return fmt.Sprintf("%s:%d/%s", m.file, m.line, m.operator)
}

// key returns a text that is different for any two mutants of one program.
func (m mutant) key() string { return fmt.Sprintf("%v@%d: %s", m, m.start, m.change()) }

func (m mutant) change() string { return m.before + " → " + m.after }

// apply returns the changed file.
func (m mutant) apply(source []byte) []byte {
	return slices.Concat(source[:m.start], []byte(m.text), source[m.end:])
}

// sites returns every mutant of a directory's files, except tests and generated files, in the order of the source.
func sites(root, dir string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		found, err := sitesOf(name, source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// A finder finds the mutants in the functions of one file.
type finder struct {
	file   string
	source []byte
	set    *token.FileSet
	found  []mutant
}

func sitesOf(name string, source []byte) ([]mutant, error) {
	f := &finder{file: name, source: source, set: token.NewFileSet()}
	parsed, err := parser.ParseFile(f.set, name, source, parser.ParseComments)
	if err != nil || ast.IsGenerated(parsed) {
		return nil, err
	}
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			ast.Inspect(fn.Body, f.visit)
		}
	}
	return f.found, nil
}

func (f *finder) offset(p token.Pos) int { return f.set.Position(p).Offset }

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

// add records a mutant in which the source between two positions becomes text.
func (f *finder) add(operator string, from, to token.Pos, text string) {
	m := mutant{operator: operator, file: filepath.ToSlash(f.file), line: f.set.Position(from).Line, start: f.offset(from), end: f.offset(to), text: text}
	begin := bytes.LastIndexByte(f.source[:m.start], '\n') + 1
	end := m.end + bytes.IndexByte(append(f.source[m.end:len(f.source):len(f.source)], '\n'), '\n')
	m.before = strings.TrimSpace(string(f.source[begin:end]))
	m.after = strings.TrimSpace(string(f.source[begin:m.start]) + text + string(f.source[m.end:end]))
	f.found = append(f.found, m)
}

func (f *finder) swap(operator string, a, b ast.Node) {
	if f.text(a) != f.text(b) {
		between := string(f.source[f.offset(a.End()):f.offset(b.Pos())])
		f.add(operator, a.Pos(), b.End(), f.text(b)+between+f.text(a))
	}
}

var offByOne = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
}

var swapped = map[token.Token]token.Token{
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.add("negate", n.Cond.Pos(), n.Cond.End(), "!("+f.text(n.Cond)+")")
		if other, ok := n.Else.(*ast.BlockStmt); ok {
			f.swap("swap branches", n.Body, other)
		}
	case *ast.ForStmt:
		if n.Cond != nil {
			f.add("negate", n.Cond.Pos(), n.Cond.End(), "!("+f.text(n.Cond)+")")
		}
	case *ast.CaseClause:
		for _, e := range n.List {
			if b, ok := e.(*ast.BinaryExpr); ok { // of a switch without a tag
				f.add("negate", b.Pos(), b.End(), "!("+f.text(b)+")")
			}
		}
	case *ast.BinaryExpr:
		if op, ok := offByOne[n.Op]; ok {
			f.add("off by one", n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.String())
		}
		if op, ok := swapped[n.Op]; ok {
			f.add("swap operator", n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.String())
		}
	case *ast.BasicLit:
		if n.Kind == token.INT {
			if v, err := strconv.Atoi(n.Value); err == nil {
				f.add("off by one", n.Pos(), n.End(), strconv.Itoa(v+1))
			}
		}
	case *ast.CallExpr:
		for i := 1; i < len(n.Args) && n.Ellipsis == 0; i++ {
			f.swap("swap arguments", n.Args[i-1], n.Args[i])
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	}
	if c, ok := n.(*ast.CaseClause); ok {
		f.statements(c.Body)
	}
	return true
}

// statements drops each statement that the program compiles without. Without a later assignment a variable keeps its old
// value: a stale copy.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		operator := "drop"
		switch s := s.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.BranchStmt:
		case *ast.IfStmt:
			if s.Else != nil || s.Init != nil {
				continue
			}
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
			if _, ok := s.Lhs[0].(*ast.Ident); ok && s.Tok == token.ASSIGN {
				operator = "stale copy"
			}
		default:
			continue
		}
		f.add(operator, s.Pos(), s.End(), "{}")
	}
}
