package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tablePlace is the place of the table of values in text/CHART.md.
const tablePlace = "<!-- values -->\n"

// readmes writes both charts' README.md: text/CHART.md with the table of values.
func readmes(root string, files map[string][]byte) error {
	for _, chart := range charts {
		name := filepath.Join("hack/chart/text", chart+".md")
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		types, err := valueTypes(root, chart)
		if err != nil {
			return err
		}
		all, err := values(root, chart, func(key string) bool { return types[key] == nil })
		if err != nil {
			return err
		}
		var table bytes.Buffer
		table.WriteString("| value | default | |\n|---|---|---|\n")
		if err := rows(&table, all); err != nil {
			return err
		}
		before, after, found := strings.Cut(string(text), tablePlace)
		if !found {
			return fmt.Errorf("%s has no line %q for the table of values", name, strings.TrimSpace(tablePlace))
		}
		note := "<!-- Written by make generate from " + name + " and values.yaml. -->\n"
		files[filepath.Join("charts", chart, "README.md")] = []byte(note + before + table.String() + after)
	}
	return nil
}

func rows(table *bytes.Buffer, all []value) error {
	for _, v := range all {
		standard := ""
		if v.children == nil {
			text, err := flow(v.standard)
			if err != nil {
				return err
			}
			standard = "`" + text + "`"
		}
		fmt.Fprintf(table, "| `%s` | %s | %s |\n", v.key, standard, strings.ReplaceAll(v.description, "|", `\|`))
		if err := rows(table, v.children); err != nil {
			return err
		}
	}
	return nil
}
