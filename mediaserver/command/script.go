package command

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/script"
)

const scriptCheckLong = `Say what the script of an application uses that is not here, by file and line,
before anybody connects: classes and functions of Flash Media Server, files that
it loads and that are not there, and what cannot be read. Nothing of it is run.

FOLDER is the application's: its script is main.asc, or what Flash Media Server
would have taken: archives before others (scripts/main.far, main.far, and the same
with the application's name for main, in which main.asc is looked for as in a
folder), then scripts/main.asc, main.asc, scripts/main.js and main.js, and those
with the application's name. What it loads is looked into as well,
also in --library, where load looks next. --all adds what old servers had in
another way, and what is done about it.

Exit codes: 0 nothing is lacking, 1 something is, or it cannot be read, 2 the
command line is wrong.`

const scriptCheckExample = `  flashpod script check applications/chat
  flashpod script check applications/chat --library scriptlib --all
  flashpod script check applications/chat -o json`

func scriptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "script",
		Short: "Look into server-side scripts",
		Args:  subcommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(scriptCheckCommand())
	return cmd
}

// scriptCheck is what the flags say.
type scriptCheck struct {
	application, library, output string
	all                          bool
}

func scriptCheckCommand() *cobra.Command {
	var s scriptCheck
	cmd := &cobra.Command{
		Use:     "check FOLDER",
		Short:   "Say what an application's script uses that is not here",
		Long:    scriptCheckLong,
		Example: scriptCheckExample,
		Args:    arguments("FOLDER"),
		RunE:    s.run,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.application, "application", "", "name of the application (default: the folder's)")
	f.StringVar(&s.library, "library", "", "folder of scripts that load looks in next, as --script-library of serve")
	f.BoolVar(&s.all, "all", false, "also what old servers had in another way")
	f.StringVarP(&s.output, "output", "o", "text", "text or json")
	_ = cmd.MarkFlagDirname("library")
	return cmd
}

// checkedScript is what is said in JSON.
type checkedScript struct {
	Main      string         `json:"main"` // empty: there is none
	Files     []string       `json:"files"`
	Lacking   []scriptRemark `json:"lacking"`
	Different []scriptRemark `json:"different"`
}

type scriptRemark struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; none: the file as a whole
	Column int    `json:"column,omitempty"` // from 1; none: the line as a whole
	What   string `json:"what"`
}

func (s *scriptCheck) run(cmd *cobra.Command, args []string) error {
	if s.output != "text" && s.output != "json" {
		return usage(fmt.Errorf("--output %q: choose text or json", s.output))
	}
	files, err := openScripts(args[0])
	if err != nil {
		return usage(fmt.Errorf("check: %w", err))
	}
	defer files.Close()
	var library fs.FS
	if s.library != "" {
		root, err := openScripts(s.library)
		if err != nil {
			return usage(fmt.Errorf("--library: %w", err))
		}
		defer root.Close()
		library = root.FS()
	}
	if s.application == "" {
		whole, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		s.application = filepath.Base(whole)
	}
	found, err := script.Check(s.application, files.FS(), library)
	if err != nil {
		return fmt.Errorf("check %s: %w", args[0], err)
	}
	if s.output == "json" {
		if err := printJSON(cmd.OutOrStdout(), checkedScript{found.Main, append([]string{}, found.Files...), remarks(found.Lacking), remarks(found.Different)}); err != nil {
			return err
		}
	} else {
		s.print(cmd, found)
	}
	if n := len(found.Lacking); n > 0 {
		return fmt.Errorf("check %s: %s", args[0], counted(n, "thing is lacking", "things are lacking"))
	}
	return nil
}

// openScripts opens a folder; nothing outside of it can be read through it.
func openScripts(folder string) (*os.Root, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder: name that of the application", folder)
	}
	return os.OpenRoot(folder)
}

func (s *scriptCheck) print(cmd *cobra.Command, found *script.Checked) {
	w := cmd.OutOrStdout()
	for _, r := range found.Lacking {
		fmt.Fprintln(w, harmless(r.String()))
	}
	if s.all {
		for _, r := range found.Different {
			fmt.Fprintln(w, harmless("note: "+r.String()))
		}
	}
	said := counted(len(found.Files), "file was looked into", "files were looked into")
	if len(found.Lacking) == 0 {
		said += ", and nothing is lacking"
	}
	if n := len(found.Different); n > 0 && !s.all {
		said += fmt.Sprintf("; old servers had %s in another way (--all)", counted(n, "thing", "things"))
	}
	fmt.Fprintln(w, said+".")
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func remarks(all []script.Remark) []scriptRemark {
	said := []scriptRemark{}
	for _, r := range all {
		said = append(said, scriptRemark{r.File, r.Line, r.Column, r.What})
	}
	return said
}
