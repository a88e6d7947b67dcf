package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func (s *sharedObject) printValue(v amf.Value) error {
	if s.output == "json" {
		return printJSON(s.out, amf.Plain(v))
	}
	_, err := fmt.Fprintln(s.out, text(v))
	return err
}

// printSlots prints a line for each slot, or one object.
func (s *sharedObject) printSlots(slots map[string]amf.Value) error {
	if s.output == "json" {
		all := map[string]any{}
		for name, v := range slots {
			all[name] = amf.Plain(v)
		}
		return printJSON(s.out, all)
	}
	for _, name := range slices.Sorted(maps.Keys(slots)) {
		if _, err := fmt.Fprintf(s.out, "%s\t%s\n", harmless(name), text(slots[name])); err != nil {
			return err
		}
	}
	return nil
}

// happening is a line of watch -o json.
type happening struct {
	Code  string `json:"code"`           // of rtmp.SyncCode, or send
	Name  string `json:"name,omitempty"` // of the slot, or the handler
	Value any    `json:"value,omitempty"`
	Args  []any  `json:"args,omitempty"`
}

func (s *sharedObject) printSync(one rtmp.Sync, v amf.Value) error {
	if s.output == "json" {
		return json.NewEncoder(s.out).Encode(happening{Code: string(one.Code), Name: one.Name, Value: amf.Plain(v)})
	}
	line := string(one.Code)
	if one.Name != "" {
		line += "\t" + harmless(one.Name)
	}
	if v != nil {
		line += "\t" + text(v)
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

func (s *sharedObject) printSend(handler string, args []amf.Value) error {
	h := happening{Code: "send", Name: handler}
	words := []string{"send", harmless(handler)}
	for _, v := range args {
		h.Args = append(h.Args, amf.Plain(v))
		words = append(words, text(v))
	}
	if s.output == "json" {
		return json.NewEncoder(s.out).Encode(h)
	}
	_, err := fmt.Fprintln(s.out, strings.Join(words, "\t"))
	return err
}
