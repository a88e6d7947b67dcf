package script_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script"
)

// runFiles runs a script over a folder, traces done in the end, and gives the folder.
func runFiles(t *testing.T, prepare func(dir string), source, want string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "app")
	if prepare != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		prepare(dir)
	}
	f := newFake()
	start(t, f, script.Config{Files: files("main.asc", source+"\ntrace('done')"), Folder: dir})
	f.await(t, "done")
	got := lines(strings.Join(f.all(), "\n"))
	if want := lines(want + "\ndone"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A disk that others have filled is not filled to its end: what is there is still read.
func TestFileLeavesTheDiskRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "old.txt", "what was there")
	f := newFake()
	start(t, f, script.Config{MinFree: 1 << 60, Folder: dir, Files: files("main.asc", `
		application.onStatus = function(info) { trace(info.description.replace(/\d+ MiB/g, "so much")) };
		var f = new File("old.txt");
		trace(f.open("text", "append") + " " + f.write(" and more"));
		f.close();
		trace(f.open("utf8", "read") + " " + f.readln());
		trace(f.copyTo("new.txt"));
		trace("done")`)})
	f.await(t, "done")
	f.await(t, `File.copyTo("old.txt") at main.asc:7: the disk is full`) // onStatus runs when the load is over
	said := strings.Join(f.all(), "\n")
	for _, want := range []string{"true false", "true what was there", "\nfalse", "the disk is full: so much are left, of which so much are kept free"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not among\n%s", want, said)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestFileWritesAndReads(t *testing.T) {
	t.Parallel()
	dir := runFiles(t, nil, `
		var f = new File("/logs.txt");
		trace([f.exists, f.isOpen, f.length, f.name, f.isFile, String(f.lastModified), f.position, f + ""].join("|"));
		trace(f.open("utf8", "append"));
		trace(f.writeln("J\u00f6rg ", 1) + "" + f.write("two") + f.writeAll(["x", "y"]) + f.flush());
		trace(f.open("text", "read")); trace(f.read(1)); trace(f.isOpen + f.mode + f.type); trace(f.close() + "" + f.close());
		trace([f.exists, f.length, f.isFile, f.isDirectory, f.canRead, f.lastModified.getTime() > 1e12, f.creationTime instanceof Date].join());
		trace(f.open("utf8", "read")); trace(f.read(4)); trace(f.position); trace(f.readln()); trace(f.readByte());
		trace(f.seek(-1)); f.position = 1e9; trace(f.position); trace(f.eof() + "" + f.readByte() + "[" + f.readln() + "]" + f.readAll().length); f.position = 0;
		trace(f.readAll().join("|")); trace(f.write("no")); f.close();
		trace(f.open("binary", "readWrite")); trace(f.read(3).charCodeAt(2)); f.writeByte(0x141); f.position = 1; trace(f.read(3)); f.close();
		trace(f.open("read,write", "text") + f.readln()); f.close();
		trace(f.open("text", "create")); trace(f.length + f.readln()); f.close();
	`, `
		false|false|0|logs.txt|false|undefined||/logs.txt
		true
		truetruetruetrue
		failed load fatal=false: File.open("/logs.txt") at main.asc:6: the file is open already
		false
		failed load fatal=false: File.read("/logs.txt") at main.asc:6: the file is not open for reading
		undefined
		trueappendutf8
		truefalse
		true,15,true,false,true,true,true
		true
		Jörg
		5
		1
		116
		8
		15
		true-1[]0
		Jörg 1|twox|y
		failed load fatal=false: File.write("/logs.txt") at main.asc:10: the file is not open for writing
		false
		true
		182
		Ã¶A
		trueJöAg 1
		true
		0
	`)
	b, err := os.ReadFile(filepath.Join(dir, "logs.txt"))
	if err != nil || len(b) != 0 {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFileFolders(t *testing.T) {
	t.Parallel()
	dir := runFiles(t, func(dir string) {
		write(t, dir, "streams/a.flv", "12345")
		write(t, dir, "streams/b.txt", "1")
		write(t, dir, "latin1.txt", "J\xf6rg\r\nB\n")
	}, `
		var s = new File("/streams/"), all = s.list();
		trace(all.length + all[0].name + all[0].length + all[0] + (all[0] instanceof File) + s.isDirectory);
		trace(s.list(function (n) { return n.indexOf(".flv") > 0 }).length + "" + s.list(/txt$/)[0].name);
		try { s.list(function () { throw new Error("mine") }) } catch (e) { trace(e) }
		trace(s.mkdir("made/")); trace(s.mkdir("made")); trace(s.mkdir("/a/b/c"));
		var f = new File("latin1.txt"); f.open("text", "read"); trace(f.readln() + f.readln() + f.eof()); f.close();
		trace(f.copyTo("/made/copy.txt") + "" + f.renameTo("made/moved.txt") + f + f.exists + f.copyTo("/made/moved.txt"));
		trace(new File("/made").remove()); trace(new File("/made").remove(true) + "" + f.exists);
		trace(new File("/").list().length + new File("/").name + new File("/").remove(true) + new File("/").renameTo("x") + f.renameTo("/"));
		trace(new File("/nothing").list()); trace(new File("/streams").open("text", "read")); trace(new File("/x").open("text", "nonsense"));
		trace(new File("/x").open("text", "read")); trace(new File("/y/x").open("text", "create"));
	`, `
		2a.flv5/streams/a.flvtruetrue
		1b.txt
		Error: mine
		true
		failed load fatal=false: File.mkdir("/streams/") at main.asc:6: file exists
		false
		failed load fatal=false: File.mkdir("/streams/") at main.asc:6: no such file or directory
		false
		JörgBtrue
		failed load fatal=false: File.copyTo("made/moved.txt") at main.asc:8: a file cannot be copied to itself
		truetruemade/moved.txttruefalse
		failed load fatal=false: File.remove("/made") at main.asc:9: directory not empty
		false
		truefalse
		failed load fatal=false: File.remove("/") at main.asc:10: the application's folder itself stays as it is
		failed load fatal=false: File.renameTo("/") at main.asc:10: the application's folder itself stays as it is
		failed load fatal=false: File.renameTo("made/moved.txt") at main.asc:10: the application's folder itself stays as it is
		1/falsefalsefalse
		failed load fatal=false: File.list("/nothing") at main.asc:11: no such file or directory
		undefined
		failed load fatal=false: File.open("/streams") at main.asc:11: is no file
		false
		failed load fatal=false: File.open("/x") at main.asc:11: the type must be "text", "utf8" or "binary", and the mode of "read", "write", "readWrite", "append", "create", with commas between them
		false
		failed load fatal=false: File.open("/x") at main.asc:12: no such file or directory
		false
		failed load fatal=false: File.open("/y/x") at main.asc:12: no such file or directory
		false
	`)
	if _, err := os.Stat(filepath.Join(dir, "streams", "a.flv")); err != nil {
		t.Error(err)
	}
}

// TestFileStaysInItsFolder: neither a path nor a link leads out, and what is no file is not opened.
func TestFileStaysInItsFolder(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, outside, "secret", "secret")
	runFiles(t, func(dir string) {
		for link, to := range map[string]string{"out": outside, "secret": filepath.Join(outside, "secret"), "up": "../..", "in": "real.txt"} {
			if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		write(t, dir, "real.txt", "real")
		if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, `
		var bad = ["../x", "/a/../../x", "a\\b", "..", "/./a", "a/.", "a\u0000b"], n = 0;
		for (var i in bad) { try { new File(bad[i]); trace(bad[i]) } catch (e) { n++; if (i == 0) trace(e) } }
		trace(n == bad.length);
		function tries(name) { var f = new File(name); return f.open("text", "read") + " " + f.readln() + " " + f.exists }
		trace(tries("/secret")); trace(tries("/out/secret")); trace(tries("/up/x")); trace(tries("/in")); trace(tries("/pipe"));
		trace(new File("/in").copyTo("/out/copy")); trace(new File("/in").renameTo("/out/moved")); trace(new File("/x").mkdir("/out/made"));
		trace(new File("/out/secret").remove()); trace(new File("/out").list()); trace(new File("/w").open("text", "create") + "" + new File("/out/w").open("text", "create"));
	`, `
		Error: new File("../x"): must be a path below the application's folder, without \, . and .., and with / between names
		true
		failed load fatal=false: File.open("/secret") at main.asc:5: path escapes from parent
		failed load fatal=false: File.readln("/secret") at main.asc:5: the file is not open
		failed load fatal=false: File.exists("/secret") at main.asc:5: path escapes from parent
		false undefined false
		failed load fatal=false: File.open("/out/secret") at main.asc:5: path escapes from parent
		failed load fatal=false: File.readln("/out/secret") at main.asc:5: the file is not open
		failed load fatal=false: File.exists("/out/secret") at main.asc:5: path escapes from parent
		false undefined false
		failed load fatal=false: File.open("/up/x") at main.asc:5: path escapes from parent
		failed load fatal=false: File.readln("/up/x") at main.asc:5: the file is not open
		failed load fatal=false: File.exists("/up/x") at main.asc:5: path escapes from parent
		false undefined false
		true real true
		failed load fatal=false: File.open("/pipe") at main.asc:5: is no file
		failed load fatal=false: File.readln("/pipe") at main.asc:5: the file is not open
		false undefined true
		failed load fatal=false: File.copyTo("/in") at main.asc:7: path escapes from parent
		false
		failed load fatal=false: File.renameTo("/in") at main.asc:7: path escapes from parent
		false
		failed load fatal=false: File.mkdir("/x") at main.asc:7: path escapes from parent
		false
		failed load fatal=false: File.remove("/out/secret") at main.asc:8: path escapes from parent
		false
		failed load fatal=false: File.list("/out") at main.asc:8: path escapes from parent
		undefined
		failed load fatal=false: File.open("/out/w") at main.asc:8: path escapes from parent
		truefalse
	`)
	left, err := os.ReadDir(outside)
	if err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	runFiles(t, nil, `
		var open = [], f; for (var i = 0; i < 33; i++) { f = new File("/f" + i); if (f.open("text", "create")) open.push(f) }
		trace(open.length);
		f = open[0]; var big = "x"; while (big.length < 1 << 18) big += big;
		while (f.write(big, big)); trace(f.length);
		f.close(); trace(f.open("text", "read")); trace(f.read(1e9).length < 600000); trace(typeof f.readAll()); trace(typeof f.readln());
	`, `
		failed load fatal=false: File.open("/f32") at main.asc:2: 32 files are open, which is as many as a script may have: close one
		32
		failed load fatal=false: File.write("/f0") at main.asc:5: a file may have 67108864 bytes
		67108864
		true
		true
		failed load fatal=false: File.readAll("/f0") at main.asc:6: a line is too long
		undefined
		failed load fatal=false: File.readln("/f0") at main.asc:6: a line is too long
		undefined
	`)
	f := newFake()
	start(t, f, script.Config{Files: files("main.asc", `trace(new File("/x").open("text", "create")); trace(new File("/x").exists); trace("done")`)})
	f.await(t, "done")
	if got := strings.Join(f.all(), "\n"); !strings.Contains(got, "this instance has no folder for files") {
		t.Error(got)
	}
}

// What is written anew again and again takes what it has, not what it ever had.
func TestFileIsWrittenAnew(t *testing.T) {
	t.Parallel()
	runFiles(t, nil, `
		var f = new File("/state"), big = "x", written = 0; while (big.length < 1 << 18) big += big;
		for (var n = 0; n < 6; n++) {
			f.open("text", "create");
			for (var i = 0; i < 96; i++) if (f.write(big, big)) written++;
			f.close();
		}
		trace(written);
	`, `576`)
}
