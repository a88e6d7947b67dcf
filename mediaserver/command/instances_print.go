package command

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"flashpod.dev/flashpod/mediaserver/web"
)

func printInstances(w io.Writer, all []web.Instance) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tCLIENTS\tSTREAMS\tPLAYERS\tRECORDINGS\tOBJECTS\tUP")
	for _, one := range all {
		fmt.Fprintf(t, "%s/%s\t%d\t%d\t%d\t%d\t%d\t%s\n", harmless(one.Application), harmless(one.Instance),
			one.Clients, one.Streams, one.Players+one.Playbacks, one.Recordings, one.SharedObjects, humanLength(&one.Seconds))
	}
	return t.Flush()
}

// printInstance prints an instance, and a table of each kind of thing that it has.
func printInstance(w io.Writer, one wholeInstance) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	kind := "of a manifest"
	if one.OnDemand {
		kind = "on demand"
	}
	fmt.Fprintf(t, "instance\t%s/%s\nstarted\t%s, %s ago\nrecordings\t%d being written, %d being played\n",
		harmless(one.Application), harmless(one.Instance.Instance), kind, humanLength(&one.Seconds), one.Recordings, one.Playbacks)
	if len(one.Clients) > 0 {
		fmt.Fprintln(t, "\nCLIENT\tADDRESS\tSINCE\tRECEIVED\tSENT\tBY\tWATCHES\tAGENT")
		for _, c := range one.Clients {
			watches := harmless(c.Watches)
			if c.Recorded {
				watches += " (recorded)"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", harmless(c.ID), harmless(c.Address), c.Since.Local().Format(time.DateTime),
				humanSize(int64(c.BytesIn)), humanSize(int64(c.BytesOut)), harmless(c.Way), watches, harmless(c.Agent))
		}
	}
	if len(one.Streams) > 0 {
		fmt.Fprintln(t, "\nSTREAM\tSTATE\tPLAYERS")
		for _, s := range one.Streams {
			state := "waited for"
			if s.Live {
				state = "live"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\n", harmless(s.Name), state, s.Players)
		}
	}
	if len(one.SharedObjects) > 0 {
		fmt.Fprintln(t, "\nSHARED OBJECT\tKIND\tVERSION\tSLOTS\tSIZE\tUSERS")
		for _, o := range one.SharedObjects {
			kind := "transient"
			if o.Persistent {
				kind = "persistent"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%d\n", harmless(o.Name), kind, o.Version, o.Slots, humanSize(int64(o.Bytes)), o.Users)
		}
	}
	if err := t.Flush(); err != nil || len(one.ScriptErrors) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nSCRIPT ERRORS (the last of %d)\n", one.Instance.ScriptErrors)
	for _, e := range one.ScriptErrors {
		in := ""
		if e.Call != "" {
			in = " (in " + e.Call + ")"
		}
		fmt.Fprintf(w, "%s  %s\n", e.Time.Local().Format(time.DateTime), harmless(e.Message+in))
	}
	return nil
}
