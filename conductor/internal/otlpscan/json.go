package otlpscan

import (
	"bytes"
	"math"
	"runtime"
)

// maxOpen is how many objects and lists can be open at the same time: a value in a list of pairs opens four, those
// around the first value fewer than 32, and a field that the schema does not have MaxDepth more.
const maxOpen = 4*MaxDepth + 32 + MaxDepth

// An open is an object or a list that contains the scan's position.
type open struct {
	kind kind // of the object, or of the list's elements
	list bool
	more bool // not the first entry: a comma must follow
}

// A jsonScan is the state of one scan.
type jsonScan struct {
	body  []byte
	pos   int
	cost  int64
	depth int // of values
	alien int // of fields that the schema does not have
	top   int
	stack [maxOpen]open
}

// A deepField is the ErrDeep for a field that the schema does not have. Its text names the cause for the sender.
type deepField struct{}

func (deepField) Error() string {
	return "a field that OTLP does not have is nested more than 64 levels deep"
}

func (deepField) Is(target error) bool { return target == ErrDeep }

// bom is the byte order mark that some tools write before the text.
var bom = []byte("\ufeff")

// TrimBOM removes the byte order mark before a JSON body, which decoders do not accept.
func TrimBOM(body []byte) []byte { return bytes.TrimPrefix(body, bom) }

// JSON scans the JSON form of a request, as Proto scans the protobuf form.
func JSON(signal Signal, body []byte) (memory int64, err error) {
	s := jsonScan{body: body, top: -1}
	err = s.run(signal)
	return s.cost, located(err, s.pos)
}

func (s *jsonScan) run(signal Signal) error {
	if s.space() != '{' {
		return ErrMalformed
	}
	if err := s.value(child{kind: signal.root()}); err != nil {
		return err
	}
	for steps := 1; s.top >= 0; steps++ {
		if steps%stepsAtOnce == 0 {
			runtime.Gosched()
		}
		if err := s.step(); err != nil {
			return err
		}
	}
	if s.space(); s.pos < len(s.body) {
		return ErrMalformed
	}
	return nil
}

// space skips white space, and returns the character that follows; 0 at the end.
func (s *jsonScan) space() byte {
	for ; s.pos < len(s.body); s.pos++ {
		switch c := s.body[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// step reads one field of the innermost object, or one element of the innermost list, or its end.
func (s *jsonScan) step() error {
	in := &s.stack[s.top]
	c := s.space()
	if in.list && c == ']' || !in.list && c == '}' {
		s.pos++
		s.close(in)
		return nil
	}
	if in.more {
		if c != ',' {
			return ErrMalformed
		}
		s.pos++
		c = s.space()
	}
	in.more = true
	if in.list {
		return s.value(child{kind: in.kind})
	}
	if c != '"' {
		return ErrMalformed
	}
	field, err := s.name(in.kind)
	if err != nil {
		return err
	}
	if s.space() != ':' {
		return ErrMalformed
	}
	s.pos++
	s.space()
	return s.value(field)
}

func (s *jsonScan) close(in *open) {
	if in.kind == unknown {
		s.alien--
	} else if in.kind == anyValue && !in.list {
		s.depth--
	}
	s.top--
}

func (s *jsonScan) push(k kind, list bool) error {
	if k == unknown {
		if s.alien++; s.alien > MaxDepth {
			return deepField{}
		}
	} else if k == anyValue && !list {
		if s.depth++; s.depth > MaxDepth {
			return ErrDeep
		}
	}
	s.top++ // the index is within the stack: the bounds on depth and alien ensure that
	s.stack[s.top] = open{kind: k, list: list}
	s.pos++
	return nil
}

// value reads a value, or its opening bracket. The value must be of the field's kind: a decoder that meets another kind
// reports an error and continues in the middle of the value.
func (s *jsonScan) value(c child) error {
	if s.pos == len(s.body) {
		return ErrMalformed
	}
	k := c.kind
	switch ch := s.body[s.pos]; ch {
	case '{':
		if c.repeated || k != unknown && !k.isMessage() {
			return ErrMalformed
		}
		s.cost += schema[k].cost
		return s.push(k, false)
	case '[':
		switch {
		case k == unknown || c.repeated:
		case k == texts:
			k = text
		case k == fixeds || k == varints:
			k = uint64s
		case k == doubles:
			k = double
		default:
			return ErrMalformed
		}
		return s.push(k, true)
	case '"':
		if c.repeated || k > double {
			return ErrMalformed
		}
		size, escapes, err := s.text()
		if k == slice && escapes {
			return ErrMalformed
		}
		s.scalar(k, int64(size))
		return err
	case 't', 'f':
		if k != flag && k != unknown {
			return ErrMalformed
		}
		if ch == 't' {
			return s.word("true")
		}
		return s.word("false")
	case 'n':
		if k >= slice && k <= flag { // where a decoder requires more than that
			return ErrMalformed
		}
		if k.isMessage() && !c.repeated {
			s.cost += schema[k].cost
		}
		return s.word("null")
	}
	if c.repeated || k != unknown && (k < int32s || k > double) {
		return ErrMalformed
	}
	s.scalar(k, 0)
	return s.number(k)
}

// scalar adds the memory that a scalar value takes.
func (s *jsonScan) scalar(k kind, size int64) {
	switch {
	case k == text && s.stack[s.top].list:
		s.cost += size + 3*textCost
	case k == text || k == slice:
		s.cost += size + textCost
	case s.stack[s.top].list:
		s.cost += 16
	}
}

func (s *jsonScan) word(w string) error {
	if len(s.body)-s.pos < len(w) || string(s.body[s.pos:s.pos+len(w)]) != w {
		return ErrMalformed
	}
	s.pos += len(w)
	return nil
}

// text reads a string, and returns its length and whether it has escapes.
func (s *jsonScan) text() (size int, escapes bool, err error) {
	begin := s.pos + 1
	for i := begin; i < len(s.body); i++ {
		switch c := s.body[i]; {
		case c == '"':
			s.pos = i + 1
			return i - begin, escapes, nil
		case c < ' ':
			return 0, escapes, ErrMalformed
		case c == '\\':
			escapes = true
			n := escapeLen(s.body[i:])
			if n == 0 {
				return 0, escapes, ErrMalformed
			}
			i += n - 1
		}
	}
	return 0, escapes, ErrMalformed
}

// escapeLen returns the length of the escape that b begins with; 0 if b does not begin with one.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 || hex(b[2]) < 0 || hex(b[3]) < 0 || hex(b[4]) < 0 || hex(b[5]) < 0 {
			return 0
		}
		return 6
	}
	return 0
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// name reads a field's name, and finds the field. An empty name is malformed: to the decoders it ends an object.
func (s *jsonScan) name(of kind) (child, error) {
	begin := s.pos + 1
	size, escapes, err := s.text()
	if err != nil || size == 0 {
		return child{}, ErrMalformed
	}
	raw := s.body[begin : begin+size]
	if of == unknown {
		return child{}, nil
	}
	if !escapes {
		return schema[of].names[string(raw)], nil
	}
	var plain [maxName]byte
	n := 0
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			size := escapeLen(raw[i:])
			switch {
			case size == 2:
				c = 0 // no name has any of them
			case hex(raw[i+2]) == 0 && hex(raw[i+3]) == 0:
				c = byte(hex(raw[i+4])<<4 | hex(raw[i+5]))
			default:
				c = 0xff
			}
			i += size - 1
		}
		if n == maxName {
			return child{}, nil
		}
		plain[n] = c
		n++
	}
	return schema[of].names[string(plain[:n])], nil
}

// number reads a JSON number, which must be one that the field can hold.
func (s *jsonScan) number(k kind) error {
	i, b := s.pos, s.body
	negative := b[i] == '-'
	if negative {
		i++
	}
	begin := i
	var v uint64
	overflow := false
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := uint64(b[i] - '0')
		overflow = overflow || v > (math.MaxUint64-d)/10
		v = v*10 + d
	}
	if i == begin || b[begin] == '0' && i > begin+1 {
		return ErrMalformed
	}
	whole := i
	if i < len(b) && b[i] == '.' {
		if i = digits(b, i+1); i == 0 {
			return ErrMalformed
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i = digits(b, i); i == 0 {
			return ErrMalformed
		}
	}
	s.pos = i
	if k == unknown || k == double {
		return nil
	}
	if i != whole || overflow || v > greatest(k, negative) {
		return ErrMalformed
	}
	return nil
}

// digits skips one digit or more, and returns the position after them; 0 if there is no digit.
func digits(b []byte, i int) int {
	begin := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == begin {
		return 0
	}
	return i
}

// greatest returns the greatest absolute value that a field of whole numbers can hold, with or without a minus sign.
func greatest(k kind, negative bool) uint64 {
	switch k {
	case int32s:
		if negative {
			return -math.MinInt32
		}
		return math.MaxInt32
	case int64s:
		if negative {
			return 1 << 63
		}
		return math.MaxInt64
	case uint32s:
		if !negative {
			return math.MaxUint32
		}
	case uint64s:
		if !negative {
			return math.MaxUint64
		}
	}
	return 0
}
