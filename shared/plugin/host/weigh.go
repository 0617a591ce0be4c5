package host

// perValue is about what a value takes on its way beside its bytes.
const perValue = 64

// deepest is how far into a value is looked. What lies deeper is refused when it is sent.
const deepest = 128

// weigh estimates how many bytes of memory a value takes.
func weigh(value any) int64 { return weighTo(deepest, value) }

func weighTo(depth int, value any) int64 {
	weight := int64(perValue)
	if depth == 0 {
		return weight
	}
	switch v := value.(type) {
	case []byte:
		weight += int64(len(v))
	case string:
		weight += int64(len(v))
	case []any:
		for _, element := range v {
			weight += weighTo(depth-1, element)
		}
	case map[string]any:
		for key, member := range v {
			weight += int64(len(key)) + weighTo(depth-1, member)
		}
	}
	return weight
}

// roomShare is the part of a plugin's memory that the arguments of its calls may have. A plugin has several copies of
// each at a time: as it came, as the value that it stands for, and of the answer.
const roomShare = 16

// hold makes room for the argument of a call and returns its weight, which is to be taken off again after the call.
// There is no room when the arguments of other calls take all of it, and always some for a call that is alone.
func (p *plugin) hold(value any) (weight int64, held bool) {
	if p.room == 0 {
		return 0, true
	}
	weight = weigh(value)
	if all := p.weight.Add(weight); all > p.room && all > weight {
		p.weight.Add(-weight)
		return 0, false
	}
	return weight, true
}
