// Command model says what one million viewers of one event need of servers, networks, time
// and money, from what was measured of one server: inputs.yaml, whose figures come from
// hack/bench. README.md has what it says.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/hack/model/plan"
)

//go:embed inputs.yaml
var inputs []byte

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "model says what an event of many viewers needs, from what one server was measured to take.\n\nusage: model [FILE]   (default: hack/model/inputs.yaml as it was built)\n")
	}
	flag.Parse()
	if err := run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	raw := inputs
	switch len(args) {
	case 0:
	case 1:
		var err error
		if raw, err = os.ReadFile(args[0]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("one file of inputs, not %d", len(args))
	}
	var in plan.Inputs
	if err := yaml.UnmarshalStrict(raw, &in); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if err := in.Check(); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	fmt.Print(describe(in, plan.For(in)))
	return nil
}
