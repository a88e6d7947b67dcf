package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// customization is the folder of the scripts, from this module's.
const customization = "../../config/argocd/media.flashpod.dev/AppInstance"

// The keys of the ConfigMap: the group, an underscore and the kind.
const (
	healthKey  = "resource.customizations.health.media.flashpod.dev_AppInstance"
	actionsKey = "resource.customizations.actions.media.flashpod.dev_AppInstance"
)

// actionNames are in the order in which the file has them.
var actionNames = []string{"suspend", "resume"}

func main() {
	if err := write(os.Stdout, customization); err != nil {
		fmt.Fprintf(os.Stderr, "gitops: %v\n", err)
		os.Exit(1)
	}
}

// write prints the ConfigMap of the scripts in dir: a whole document, which
// kubectl patch and a kustomization's patches take alike, since both leave
// alone what it does not name.
func write(w io.Writer, dir string) error {
	b := &strings.Builder{}
	b.WriteString("# Written by `make generate` from the Lua scripts in media.flashpod.dev/AppInstance; see README.md.\n")
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n")
	health, err := script(dir, "health.lua")
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  %s: |\n%s", healthKey, indented(health, 4))
	discovery, err := script(dir, "actions", "discovery.lua")
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  %s: |\n    discovery.lua: |\n%s    definitions:\n", actionsKey, indented(discovery, 6))
	for _, name := range actionNames {
		action, err := script(dir, "actions", name, "action.lua")
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "    - name: %s\n      action.lua: |\n%s", name, indented(action, 8))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// script reads a file that is to become a block of YAML as it is.
func script(path ...string) (string, error) {
	name := filepath.Join(path...)
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read a script: %w", err)
	}
	if s := string(text); strings.HasSuffix(s, "\n") && !strings.HasSuffix(s, "\n\n") && !strings.ContainsAny(s, "\t\r") {
		return s, nil
	}
	return "", fmt.Errorf("%s: must end with one line break and have no tab or carriage return: it is put into YAML as it is", name)
}

// indented puts spaces before each line that is not empty.
func indented(text string, spaces int) string {
	b := &strings.Builder{}
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString(strings.Repeat(" ", spaces))
		}
		b.WriteString(line)
	}
	return b.String()
}
