package values

import (
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// text is what a source is, as text, or the error that it ends with.
func text(t testing.TB, rt *engine.Runtime, source string) (got string) {
	t.Helper()
	err := rt.Scope(func() error {
		v, err := rt.Load(engine.Source{Name: "main.asc", Text: source})
		if err != nil {
			return err
		}
		got, err = rt.ToString(v)
		return err
	})
	if err != nil {
		return err.Error()
	}
	return got
}

// byteRows run one after another; hex(b) is a ByteArray's bytes.
var byteRows = []struct{ source, want string }{
	{"function hex(b) { var s = ''; for (var i = 0; i < b.length; i++) s += (b[i] < 16 ? '0' : '') + b[i].toString(16); return s }; typeof ByteArray", "function"},
	{"var b = new ByteArray(); [b.length, b.position, b.bytesAvailable, b.endian, b.objectEncoding].join()", "0,0,0,bigEndian,3"},
	{"b.writeByte(-1); b.writeShort(258); b.writeInt(-2); b.writeUnsignedInt(4294967295); b.writeBoolean(true); b.writeBoolean(0); hex(b)", "ff0102fffffffeffffffff0100"},
	{"b.position = 0; [b.readByte(), b.readShort(), b.readInt(), b.readUnsignedInt(), b.readBoolean(), b.readBoolean(), b.bytesAvailable].join()", "-1,258,-2,4294967295,true,false,0"},
	{"b.position = 0; [b.readUnsignedByte(), b.readUnsignedShort(), b.position].join()", "255,258,3"},
	{"b.clear(); b.endian = 'littleEndian'; b.writeShort(258); b.writeDouble(1.5); b.writeFloat(-0.5); hex(b)", "0201000000000000f83f000000bf"},
	{"b.position = 2; [b.readDouble(), b.readFloat()].join()", "1.5,-0.5"},
	{"b.endian = 'bigEndian'; b.clear(); b.writeUTF('ä'); b.writeUTFBytes('x'); hex(b)", "0002c3a478"},
	{"b.position = 0; b.readUTF() + b.readUTFBytes(1) + b.toString().length", "äx4"},
	{"b.clear(); b.writeMultiByte('ä€', 'iso-8859-1'); b.writeMultiByte('aé', 'utf-16be'); hex(b)", "e43f006100e9"},
	{"b.position = 0; b.readMultiByte(2, 'latin1') + b.readMultiByte(4, 'UTF-16BE')", "ä?aé"},
	{"b.clear(); b[3] = 7; b[0] = 257; b.x = 5; hex(b) + b[9] + b.x", "01000007undefined5"},
	{"b.length = 2; b.position + ',' + hex(b)", "0,0100"},
	{"b.position = 4; b.writeByte(9); hex(b)", "0100000009"},
	{"var c = new ByteArray(); b.position = 1; b.readBytes(c, 2, 3); hex(c) + b.position + c.position", "000000000040"},
	{"c.clear(); c.writeBytes(b); c.writeBytes(b, 4); c.writeBytes(b, 0, 1); c.writeBytes(b, 99); hex(c)", "01000000090901"},
	{"c.writeBytes(c); hex(c)", "0100000009090101000000090901"},
	{"c.position = 0; c.readBytes(c, 14); c.length", "28"},
	{"b.clear(); b.writeUTFBytes(Array(1001).join('abc')); b.compress(); b.length < 100 && b.position === b.length", "true"},
	{"b.uncompress(); b.length + ',' + b.position + b.readUTFBytes(6)", "3000,0abcabc"},
	{"b.deflate(); b.inflate(); b.compress('deflate'); b.uncompress('deflate'); b.length", "3000"},
	{"b.clear(); b.writeObject({a: [1, null], b: b}); b.position = 0; var o = b.readObject(); [o.a[0], o.a[1], o.b instanceof ByteArray, o.b.length, b.bytesAvailable].join()", "1,,true,0,0"},
	{"b.clear(); b.objectEncoding = 0; b.writeObject('x'); hex(b)", "02000178"},
	{"b.position = 0; b.readObject() + b.objectEncoding", "x0"},
	{"var names = []; for (var n in b) names.push(n); names.join()", "x"},
	{"b.readByte()", "main.asc:1:11: Error: ByteArray.readByte: the end of the ByteArray was met"},
	{"b.readObject()", "main.asc:1:13: Error: ByteArray.readObject: the end of the ByteArray was met"},
	{"b.position = 0; b.readUTFBytes(-1)", "main.asc:1:31: RangeError: 4294967295 bytes"},
	{"b.clear(); b.writeShort(5); b.position = 0; try { b.readUTF() } catch (e) { b.position }", "0"},
	{"b.endian = 'x'", "main.asc:1:2: TypeError: endian must be bigEndian or littleEndian"},
	{"b.objectEncoding = 1", "main.asc:1:2: RangeError: objectEncoding must be 0 or 3"},
	{"b.readBytes({})", "main.asc:1:12: TypeError: argument 1 must be a ByteArray"},
	{"b.writeUTF(Array(70000).join('x'))", "main.asc:1:11: RangeError: a text of 69999 bytes: at most 65535"},
	{"b.clear(); b.writeUTFBytes('no zlib'); b.uncompress()", "main.asc:1:52: Error: ByteArray.uncompress: zlib: invalid header"},
	{"b.clear(); b.objectEncoding = 3; b.writeByte(10); b.writeByte(7); b.writeByte(3); b.writeByte(67); b.position = 0; try { b.readObject() } catch (e) { /externalizable class .C/.test(e.message) }", "true"},
	{"b.writeByte({valueOf: function () { b.clear(); return 7 }}); hex(b)", "07"},
	{"b instanceof ByteArray && Object.prototype.toString.call(b)", "[object ByteArray]"},
}

func TestByteArray(t *testing.T) {
	rt, _ := open(t, engine.Limits{})
	for _, row := range byteRows {
		if got := text(t, rt, row.source); got != row.want {
			t.Errorf("%s gave %s, want %s", row.source, got, row.want)
		}
	}
}

// TestByteArrayLimits: what ByteArrays hold is bounded, what the script has lost counts
// no more, and a few bytes do not become many.
func TestByteArrayLimits(t *testing.T) {
	rt, v := open(t, engine.Limits{Memory: 4 << 20})
	for _, row := range []struct{ source, want string }{
		{"var b = new ByteArray(); try { b.length = 1e9 } catch (e) { e.name }", "RangeError"},
		{"try { b[1e8] = 1 } catch (e) { e.name }", "RangeError"},
		{"try { b.position = 4e9; b.writeByte(1) } catch (e) { b.position = 0; e.name }", "RangeError"},
		{"var s = Array(1001).join('0123456789abcdef'); try { for (;;) b.writeUTFBytes(s) } catch (e) { e.name + (b.length > 2e6) }", "RangeErrortrue"},
		{"b = null; for (var i = 0; i < 100; i++) { b = new ByteArray(); b.length = 5e5 } b.length", "500000"},
		{"b = null; for (i = 0; i < 100; i++) { var c = new ByteArray(); c.self = c; c.length = 5e5 } c.length", "500000"},
		{"c = null; b = new ByteArray(); b.length = 2e6; b.compress(); for (var i = 0; i < 1; i++) b.uncompress(); b.length", "2000000"},
		{"b.compress(); b.writeBytes(b); b.length < 30000", "true"},
		{
			"b.clear(); var p = [b]; try { for (;;) { c = new ByteArray(); c.length = 1e6; p.push(c) } } catch (e) { p.length > 2 && p.length < 6 }", "true",
		},
		{"p = c = null; b.length = 3e6; 1", "1"},
	} {
		if got := text(t, rt, row.source); got != row.want {
			t.Errorf("%s gave %s, want %s", row.source, got, row.want)
		}
	}
	if got := text(t, rt, "b = c = p = null"); got != "null" {
		t.Error(got)
	}
	if err := rt.Collect(); err != nil || v.bytes.used != 0 {
		t.Errorf("%d bytes are counted, and nobody has any: %v", v.bytes.used, err)
	}
	// A bomb: 4 MB of zeros, compressed, more than there is room for.
	if got := text(t, rt, "var a = new ByteArray(); a.length = 3e6; a.compress(); var z = new ByteArray(); z.length = 3e6; try { a.uncompress() } catch (e) { e.name }"); got != "RangeError" {
		t.Error(got)
	}
	rt, _ = open(t, engine.Limits{Memory: 4 << 20, Time: time.Second})
	err := rt.Scope(func() error {
		_, err := rt.Load(engine.Source{Name: "main.asc", Text: "var d = new ByteArray(); d.length = 5e5; for (;;) { d.compress(); d.uncompress() }"})
		return err
	})
	if !errors.Is(err, engine.ErrTime) && !errors.Is(err, engine.ErrDead) {
		t.Errorf("without end: %v", err)
	}
}
