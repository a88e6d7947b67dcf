package dialect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// examples are those of the table.
func examples() []row {
	var all []row
	for _, c := range chapters {
		all = append(all, c.rows...)
	}
	return all
}

// TestExamplesInOneFile loads all examples that are loaded as parts of one
// file: what one of them does to the parser must not reach another, and each
// error still stands in its line.
func TestExamplesInOneFile(t *testing.T) {
	var all strings.Builder
	for i, r := range examples() {
		if r.refused != "" || strings.Contains(r.example, "\xff\xfe") || strings.Contains(r.example, "\r") || strings.Contains(r.example, "use strict") {
			continue
		}
		fmt.Fprintf(&all, "function example%d() {\n%s\n}\n", i, strings.ReplaceAll(strings.TrimPrefix(r.example, "\ufeff"), "getter function now", "function now"))
	}
	all.WriteString("throw new Error('end')\n")
	file := all.String()
	s, err := dialect.Rewrite("all.asc", []byte(strings.ToValidUTF8(file, "?")))
	if err != nil {
		t.Fatal(err)
	}
	v := newVM(t)
	v.scripts.Add(s)
	_, err = run(v.Runtime, "all.asc", s.Text)
	if want := fmt.Sprintf(":%d:", strings.Count(file, "\n")); err == nil || !strings.Contains(err.Error(), "Error: end") {
		t.Errorf("the file ends with %v, want the error of line %s", err, want)
	} else if e := new(engine.Error); errors.As(err, &e) && !strings.Contains(e.Error(), want) {
		t.Errorf("the error stands in %s, want line %s", e, want)
	}
}

func TestRefusalsSayWhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{"var a = 1;\n\tvar b = <x/>;", "f.asc:2:10: E4X (XML within the script) is not had: use the class XML"},
		{"// ä\rvar ö = 1 2", "f.asc:2:11: ; is missing before the next statement: here stands 2"},
		{"\ufeffvar x = `a`", "f.asc:1:9: a template string is of a later edition: add strings with +"},
		{"if (x) {", "f.asc:1:9: } is missing at the end of a block: the file ends here"},
		{"a = " + strings.Repeat("(", 1000), "f.asc:1:403: statements, expressions and functions stand in one another more than 400 deep"},
	} {
		s, err := dialect.Rewrite("f.asc", []byte(tt.source))
		var refusal *dialect.Refusal
		if !errors.As(err, &refusal) || err.Error() != tt.want {
			t.Errorf("%.40q: got %v, want %s", tt.source, err, tt.want)
			continue
		}
		last := s.Findings[len(s.Findings)-1]
		if last.Action != dialect.Refused || last.Line != refusal.Line || last.Column != refusal.Column || s.Text != "" {
			t.Errorf("%.40q: the findings end with %v, and there is a text of %d bytes", tt.source, last, len(s.Text))
		}
	}
	if _, err := dialect.Rewrite("big.asc", make([]byte, dialect.MaxSize+1)); err == nil || !strings.Contains(err.Error(), "big.asc: the file has") {
		t.Errorf("a file that is too large: %v", err)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	const source = `load("netservices.asc");
load('lib/' + name);
function f() { f.arguments; const x = 1
	x = 2; }
for each (var y in eval("1")) uneval(y);
#include "more.asc"
`
	s, err := dialect.Rewrite("main.asc", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.Findings {
		got = append(got, f.String())
	}
	want := []string{
		"main.asc:3:17: f.arguments (rewritten)",
		"main.asc:3:29: const (rewritten)",
		"main.asc:4:2: an assignment to a constant, which is ignored (rewritten)",
		"main.asc:5:5: for each (rewritten)",
		"main.asc:5:20: eval (emulated)",
		"main.asc:5:31: toSource and uneval (emulated)",
		"main.asc:6:1: #include (rewritten)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	loads := []dialect.Load{{Path: "netservices.asc", Line: 1, Column: 1}, {Line: 2, Column: 1}, {Path: "more.asc", Line: 6, Column: 1}}
	if !slices.Equal(s.Loads, loads) {
		t.Errorf("it loads %v, want %v", s.Loads, loads)
	}
}

// TestColumns asks for places of the result, and where they were.
func TestColumns(t *testing.T) {
	t.Parallel()
	const source = "var ä = 1;\nfor each (var x in o) call(function(y) y + here, x); there"
	s, err := dialect.Rewrite("main.asc", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Split(source, "\n"), strings.Split(s.Text, "\n")
	for _, word := range []string{"ä", "var x", "call", "function", "here", "there"} {
		line := 2
		if word == "ä" {
			line = 1
		}
		column := func(text string) int { return len([]rune(text[:strings.Index(text, word)])) + 1 }
		if got, want := s.Column(line, column(is[line-1])), column(was[line-1]); got != want {
			t.Errorf("%s is in column %d, want %d: %s", word, got, want, is[line-1])
		}
	}
	if got := s.Column(99, 5); got < 1 {
		t.Errorf("a line that is not there: column %d", got)
	}
}

// TestFunctionsOfScripts tries what a script makes itself.
func TestFunctionsOfScripts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{"try { new Function('a', '}, function() {') } catch (e) { e.name }", "SyntaxError"},
		{"try { new Function('/*', '*/){') } catch (e) { e.name }", "SyntaxError"},
		{"try { new Function('a){ return 1 }, function(', 'b') } catch (e) { e.name }", "SyntaxError"},
		{"try { new Function('a', 'return <a/>') } catch (e) { e.message }", "Function:1:20: E4X (XML within the script) is not had: use the class XML"},
		{"try { eval('a\\n`b`') } catch (e) { e.message }", "eval:2:1: a template string is of a later edition: add strings with +"},
		{"try { new Function('return 1 // comment')() } catch (e) { e.name }", "1"},
		{"new Function('a // x', 'b', 'return a')(3)", "3"},
		{"new Function()()", "undefined"},
		{"new Function('a,b', 'c', 'return a + b + c')(1, 2, 3)", "6"},
		{"String(new Function('a', 'b', 'return function(x) a'))", "function anonymous(a,b) {\nreturn function(x) a\n}"},
		{"eval('(function(x) x + 1)').toString()", "function(x) x + 1"},
		{"eval(5) + typeof eval() + eval({toString: function() { return 'no' }}.toString.length)", "5undefined0"},
		{"var s = ''; for (var i = 0; i < 3000; i++) s = eval('(function(x) x + ' + i + ')').toString(); s", "function(x) x + 2999"},
		{"Function.prototype.toString.call({})", "TypeError"},
	} {
		got, err := newVM(t).load("main.asc", tt.source)
		if err != nil && strings.Contains(err.Error(), tt.want) {
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.source, got, err, tt.want)
		}
	}
}

// TestNastySources reads sources of the greatest size that ask for the most
// work. They take seconds all together; what grew faster than its source would
// take longer than any test may.
func TestNastySources(t *testing.T) {
	t.Parallel()
	fill := func(unit string) string { return strings.Repeat(unit, dialect.MaxSize/len(unit)) }
	nested := strings.Repeat("function f(a) { const c = 1;", 190)
	for name, source := range map[string]string{
		"one line":           fill("a\\u0062=1;"),
		"findings":           fill("for each(x in y);"),
		"constants":          "function f() { const a = 1;" + fill("a=1;b++;")[:4_000_000] + "}",
		"writes in the deep": nested + fill("b=1;")[:4_000_000] + strings.Repeat("}", 190),
		"comments":           fill("a/**/:/**/\n;"),
		"html comments":      fill("<!--\n"),
		"dashes":             fill("-->\n"),
		"strings":            fill("'\\x';"),
		"an unended comment": fill("a;/* "),
		"slashes":            fill("/ "),
		"braces":             fill("{"),
		"brackets":           fill("["),
		"else if":            fill("if(a);else "),
		"conditions":         "a=" + fill("a?b:")[:4_000_000] + "c",
		"sums":               "a=" + fill("b+")[:4_000_000] + "c",
		"not":                fill("!"),
		"new":                fill("new "),
		"closures":           fill("function(x)"),
		"functions":          fill("function f(){f.arguments}"),
		"objects":            "a={" + fill("a:1,")[:4_000_000] + "}",
		"get":                fill("get"),
		"catches":            "try{}" + fill("catch(e if e){}")[:4_000_000],
		"not UTF-8":          fill("\xff"),
		"wide":               "\xff\xfe" + fill("\x00\xd8")[:4_000_000],
		"sharp":              "a=" + fill("#1="),
		"labels":             fill("a:"),
	} {
		s, err := dialect.Rewrite(name, []byte(source))
		if len(s.Findings) > 1001 {
			t.Errorf("%s: %d findings", name, len(s.Findings))
		}
		if err == nil && strings.Count(s.Text, "\n") != strings.Count(source, "\n") {
			t.Errorf("%s: other lines", name)
		}
	}
}

// TestSeveralFiles loads files one after another into a runtime: what is
// global in one is known in the next.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		files []string
		want  string
	}{
		{[]string{"const LIMIT = 1", "LIMIT = 2; LIMIT"}, "1"},
		{[]string{"const LIMIT = 1", "const LIMIT = 2", "LIMIT"}, "2"},
		{[]string{"const LIMIT = 1", "var LIMIT = 3; LIMIT"}, "1"},
		{[]string{"const LIMIT = 1", "function LIMIT() { }", "typeof LIMIT"}, "function"},
		{[]string{"var LIMIT = 1", "const LIMIT = 2", "LIMIT = 3; LIMIT"}, "2"},
		{[]string{"const LIMIT = 1", "function f() { LIMIT++; return LIMIT }", "f()"}, "1"},
		{[]string{"/(a)/.test('a')", "var early = RegExp.$1; /(b)/.test('b'); early + RegExp.$1"}, "b"},
		{[]string{"String.prototype.split = function() { return 'mine' }", "RegExp.$1; 'a b'.split(/ /)"}, "mine"},
		{[]string{"Object.prototype.watch = function() { return 'mine' }", "({}).watch()"}, "mine"},
		{[]string{"function class() { return 1 }", "class() + (new class() instanceof class)"}, "2"},
		{[]string{"var R = RegExp", "/(a)/.test('a'); R.$1"}, "a"},
		{[]string{"function f() { return eval('/(a)/.test(\"a\"); RegExp.$1') }", "f()"}, "a"},
	} {
		v := newVM(t)
		var got string
		for i, file := range tt.files {
			var err error
			if got, err = v.load(fmt.Sprintf("%d.asc", i), file); err != nil {
				t.Errorf("%q: %v", tt.files, err)
			}
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.files, got, tt.want)
		}
	}
}
