package main

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"text/template/parse"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// TestEveryBranch forces each condition of the templates to both of its outcomes.
// If that changes nothing in any case, then no case has the other outcome, or
// no test would see the difference.
func TestEveryBranch(t *testing.T) {
	for _, name := range charts {
		ch := withPolicy(load(t, chartPath(name)))
		plain := map[string]map[string]string{}
		for _, c := range cases {
			if c.chart == name {
				plain[c.name] = outcome(c, ch)
			}
		}
		branches := 0
		for i, file := range ch.Templates {
			for _, m := range mutations(t, file.Name, string(file.Data)) {
				branches++
				mutated := *ch
				mutated.Templates = append(mutated.Templates[:0:0], ch.Templates...)
				copied := *file
				copied.Data = []byte(m.text)
				mutated.Templates[i] = &copied
				if !seen(&mutated, name, plain) {
					t.Errorf("%s: %s: no case tells the difference", file.Name, m.what)
				}
			}
		}
		t.Logf("%s: %d outcomes of conditions", name, branches)
	}
}

// seen says whether a case renders otherwise with the mutated chart.
func seen(mutated *chart.Chart, name string, plain map[string]map[string]string) bool {
	for _, c := range cases {
		if c.chart == name && !maps.Equal(outcome(c, mutated), plain[c.name]) {
			return true
		}
	}
	return false
}

func outcome(c testCase, ch *chart.Chart) map[string]string {
	rendered, err := c.render(ch)
	if err != nil {
		return map[string]string{"error": reason(err)}
	}
	return rendered
}

// reason is what a template says when it fails, without its own place, which a
// mutation shifts.
func reason(err error) string {
	_, said, found := strings.Cut(err.Error(), "\n\n")
	if !found {
		return "failed"
	}
	return said
}

type mutation struct{ what, text string }

// variables of templates; the parser knows only those that were declared.
var variables = regexp.MustCompile(`\$\w+`)

// mutations are the texts of a template file with one condition forced each.
func mutations(t *testing.T, name, text string) []mutation {
	t.Helper()
	var all []mutation
	for i := 0; ; i++ {
		trees := map[string]*parse.Tree{}
		root := parse.New(name)
		root.Mode = parse.SkipFuncCheck
		if _, err := root.Parse(text, "", "", trees); err != nil {
			t.Fatal(err)
		}
		trees[name] = root
		m := &mutator{t: t, file: name, want: i}
		var out strings.Builder
		for _, tree := range sorted(trees) {
			if trees[tree].Root == nil {
				continue
			}
			m.list(trees[tree].Root)
			if tree == name {
				out.WriteString(trees[tree].Root.String())
			} else {
				fmt.Fprintf(&out, "{{define %q}}%s{{end}}", tree, trees[tree].Root.String())
			}
		}
		if m.what == "" {
			return all
		}
		all = append(all, mutation{m.what, out.String()})
	}
}

// mutator forces the outcome number want of those that it comes past.
type mutator struct {
	t          *testing.T
	file       string
	want, past int
	what       string
}

func (m *mutator) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.IfNode:
			m.force(&n.Pipe, "if", "true", "true")
			m.force(&n.Pipe, "if", "false", "false")
			m.list(n.List)
			m.list(n.ElseList)
		case *parse.WithNode:
			// In place of nothing there is something, and the other way round.
			m.force(&n.Pipe, "with", "", `""`)
			m.force(&n.Pipe, "with", "something", `default "something" (%s)`)
			m.list(n.List)
			m.list(n.ElseList)
		case *parse.RangeNode:
			m.force(&n.Pipe, "range", "nothing", "list")
			m.list(n.List)
			m.list(n.ElseList)
		}
	}
}

func (m *mutator) force(pipe **parse.PipeNode, keyword, what, by string) {
	m.t.Helper()
	m.past++
	if m.past-1 != m.want {
		return
	}
	value := *pipe
	commands := strings.TrimPrefix(value.String(), declaration(value))
	if strings.Contains(by, "%s") {
		by = fmt.Sprintf(by, commands)
	}
	m.what = fmt.Sprintf("%s %s as %q", keyword, commands, what)
	tree := parse.New("")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	text := "{{" + keyword + " " + declaration(value) + by + "}}{{end}}"
	for _, variable := range variables.FindAllString(commands, -1) {
		text = "{{" + variable + " := 0}}" + text
	}
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		m.t.Fatalf("%s: %v", text, err)
	}
	switch n := tree.Root.Nodes[len(tree.Root.Nodes)-1].(type) {
	case *parse.IfNode:
		*pipe = n.Pipe
	case *parse.WithNode:
		*pipe = n.Pipe
	case *parse.RangeNode:
		*pipe = n.Pipe
	}
}

// declaration is the part of a pipeline that names variables, such as "$i, $x := ".
func declaration(pipe *parse.PipeNode) string {
	if len(pipe.Decl) == 0 {
		return ""
	}
	var names []string
	for _, v := range pipe.Decl {
		names = append(names, v.String())
	}
	return strings.Join(names, ", ") + " := "
}
