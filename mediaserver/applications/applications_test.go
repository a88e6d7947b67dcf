package applications

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// whole is an Application.xml in the form of that server's own, with most of what
// that had.
const whole = `<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- comments, as in all of them -->
<Application>
	<LoadOnStartup>true</LoadOnStartup>
	<MaxAppIdleTime>600</MaxAppIdleTime>
	<Process><Scope>vhost</Scope></Process>
	<JSEngine>
		<RuntimeSize>102400</RuntimeSize>
		<MaxTimeOut>-1</MaxTimeOut>
		<ScriptLibPath>../scriptlib;  ${APP.JS_SCRIPTLIBPATH}</ScriptLibPath>
		<ApplicationObject>
			<config><dbURL>http://db/gate</dbURL><owner><name>J` + "\xfc" + `rgen</name></owner></config>
		</ApplicationObject>
	</JSEngine>
	<StreamManager>
		<StorageDir>/films</StorageDir>
		<VirtualDirectory><Streams>low;c:\low</Streams></VirtualDirectory>
	</StreamManager>
	<SharedObjManager><StorageDir></StorageDir></SharedObjManager>
	<Client>
		<Bandwidth override="yes"><ServerToClient>250000</ServerToClient><ClientToServer>250000</ClientToServer></Bandwidth>
	</Client>
</Application>`

// TestRead tells applications from what else lies in the folder.
func TestRead(t *testing.T) {
	t.Parallel()
	folder := servertest.WriteFiles(t, t.TempDir(), "chat/main.asc", "", "chat/Application.xml", whole, "shop/scripts/shop.js", "", "shop/conf/Application.xml", "<Application/>",
		"vod/streams/_definst_/film.flv", "", "bad/Application.xml", "<Application><MaxAppIdleTime>x</MaxAppIdleTime></Application>",
		".git/config", "", "readme.txt", "", "with space/main.asc", "", "cut/Application.xml", "<Application><a>")
	if err := os.Symlink(filepath.Join(folder, "chat"), filepath.Join(folder, "chat2")); err != nil {
		t.Fatal(err)
	}
	all, skipped, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all {
		got = append(got, a.Name+"="+a.Main+" "+a.Configuration.File)
	}
	if want := "chat=main.asc Application.xml, chat2=main.asc Application.xml, shop=scripts/shop.js conf/Application.xml, vod= "; strings.Join(got, ", ") != want {
		t.Errorf("applications are %q", got)
	}
	why := fmt.Sprint(skipped)
	for _, want := range []string{"Application.xml: MaxAppIdleTime: \"x\" is not a number", "with space its name", "cut Application.xml: XML syntax error"} {
		if !strings.Contains(why, want) {
			t.Errorf("skipped are %s, without %q", why, want)
		}
	}
	if _, _, err := Read(filepath.Join(folder, "none")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	c, err := parse(strings.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if !c.LoadOnStartup || c.MaxAppIdleTime != 10*time.Minute || c.RuntimeSize != 100<<20 || c.MaxTimeOut != 0 || len(c.ScriptLibPath) != 2 ||
		c.ScriptLibPath[0] != "../scriptlib" || c.Streams != "/films" || c.SharedObjects != "" {
		t.Errorf("it says %+v", c)
	}
	url, _ := c.Config.Get("dbURL")
	owner, _ := c.Config.Get("owner")
	name, _ := owner.(*amf.Object).Get("name")
	if url != "http://db/gate" || name != "Jürgen" {
		t.Errorf("config has %v and %v", url, name)
	}
	want := "Process/Scope StreamManager/VirtualDirectory/Streams Client/Bandwidth/ServerToClient Client/Bandwidth/ClientToServer"
	if got := strings.Join(c.Others, " "); got != want {
		t.Errorf("others are %q, want %q", got, want)
	}
	for text, why := range map[string]string{
		"":              "no element",
		"<Server/>":     "should be Application",
		"<Application>": "unexpected EOF",
		"<Application><LoadOnStartup>maybe</LoadOnStartup></Application>": "LoadOnStartup: \"maybe\" is neither",
		strings.Repeat("<a>", 100):                                        "in one another",
		strings.Repeat(" ", maxSize+1):                                    "bytes",
		"<Application>&xxe;</Application>":                                "invalid character entity",
		`<?xml version="1.0" encoding="x"?><a/>`:                          "encoding",
	} {
		if _, err := parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40q: %v, want %q", text, err, why)
		}
	}
}

func FuzzConfiguration(f *testing.F) {
	f.Add(whole)
	f.Add("<Application><JSEngine><config><a><b>1</b></a></config></JSEngine></Application>")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(strings.NewReader(text))
		if err == nil && (c.MaxAppIdleTime < 0 || c.MaxTimeOut < 0 || c.RuntimeSize < 0 || len(c.Others) > maxOthers) {
			t.Errorf("%+v", c)
		}
	})
}
