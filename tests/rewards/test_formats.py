import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emocal_rl.errors import UserError
from emocal_rl.rewards import FAULTS, FORMATS, Reply
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.formats.matching import match

LABELS = ["negative", "positive", "neutral"]
FIVE = ("element", "human", "context", "interaction", "analysis")
PARTS = {name: f"about {name}" for name in (*FIVE, "think")}
INNER = "".join(f"<{name}>{PARTS[name]}</{name}>" for name in FIVE)
GOOD = f"<think>{INNER}</think><answer>positive</answer><confidence>0.73</confidence>"
SHARES = {"positive": 0.7, "neutral": 0.2, "negative": 0.1}
every_format = pytest.mark.parametrize("name", FORMATS)


def written(name, answer="positive", confidence=0.5):
    form = FORMATS[name]
    stated = confidence if form.grid else None
    return form.write(PARTS, answer, form.snap(stated) if form.grid else None, distribution=SHARES)


def fault(text, name="emocaliber", candidates=LABELS):
    return FORMATS[name].read(text, candidates).fault


@every_format
def test_what_is_written_reads_back(name):
    form = FORMATS[name]
    for confidence in form.grid or (None,):
        text = form.write(PARTS, "positive", confidence, distribution=SHARES)
        reply = form.read(text, LABELS)
        assert (reply.fault, reply.answer, reply.text) == (None, "positive", text)
        if form.states == "confidence":
            assert reply.confidence == pytest.approx(confidence, abs=1e-12)
        if form.states in ("distribution", "guesses"):
            assert reply.distribution == pytest.approx(SHARES)
            assert reply.confidence == pytest.approx(0.7)


@every_format
def test_reading_without_candidates_takes_any_answer(name):
    assert FORMATS[name].read(written(name), None).answer == "positive"


@every_format
def test_the_spans_hold_the_answer_and_the_confidence(name):
    reply = FORMATS[name].read(written(name), LABELS)
    assert match(reply.text[slice(*reply.answer_span)], ["positive"]) or FORMATS[name].states == "distribution"
    if FORMATS[name].states == "confidence":
        again = FORMATS[name].read(reply.text.replace(reply.text[slice(*reply.confidence_span)], "?"), LABELS)
        assert again.fault == "confidence_not_a_number" or again.fault == "not_json"


@every_format
def test_the_instruction_names_the_candidates_and_a_completion_that_follows_it(name):
    text = FORMATS[name].instruction(LABELS)
    assert all(label in text for label in LABELS)
    assert "None" not in text


@every_format
def test_formats_are_values(name):
    assert pickle.loads(pickle.dumps(FORMATS[name])) == FORMATS[name]
    assert find_format(name) is find_format(FORMATS[name])


@every_format
def test_the_grid_lies_within_what_the_reader_lets_through(name):
    form = FORMATS[name]
    assert list(form.grid) == sorted(set(form.grid))
    assert all(form.bounds[0] <= value <= form.bounds[1] for value in form.grid)


@every_format
@pytest.mark.parametrize("text", ["", " ", "\n", "I do not know.", "<", "{", "Answer:", "Confidence:", "<think>"])
def test_every_fault_is_a_known_word(name, text):
    assert FORMATS[name].read(text, LABELS).fault in FAULTS


@every_format
def test_a_cut_off_completion_is_a_fault(name):
    text = written(name)
    for end in range(len(text) - 1):
        reply = FORMATS[name].read(text[:end], LABELS)
        assert reply.fault in FAULTS, text[:end]


# The main format, fault by fault


@pytest.mark.parametrize(("text", "expected"), [
    (GOOD, None),
    (f"Sure! {GOOD}\n", None),
    (GOOD.replace("</think><answer>", " </think>\n<answer> "), None),
    (GOOD.replace("0.73", " {0.73} "), None),
    (GOOD.replace("positive", "Positive."), None),
    ("", "no_think"),
    (GOOD.replace("</think>", ""), "no_think"),
    (GOOD.replace("<human>about human</human>", ""), "missing_part"),
    (GOOD.replace("about human", " \n"), "missing_part"),
    (GOOD.replace("</human>", ""), "missing_part"),
    (GOOD.replace("<element>about element</element>", "") .replace("<context>", "<element>x</element><context>"),
     "wrong_order"),
    (GOOD.replace("<human>", "<element>again</element><human>"), "repeated_part"),
    (GOOD.replace("<answer>positive</answer>", ""), "no_answer"),
    (GOOD.replace("positive", ""), "no_answer"),
    (GOOD.replace("<answer>", "<answer>positive</answer><answer>"), "repeated_part"),
    (GOOD + "<answer>negative</answer>", "repeated_part"),
    (GOOD + GOOD, "repeated_part"),
    (GOOD.replace("<answer>positive</answer>", "") + "<answer>positive</answer>", "wrong_order"),
    (GOOD.replace("</think>", "</think> so "), "stray_text"),
    (GOOD + " as I said", "stray_text"),
    (GOOD.replace("positive", "elated"), "answer_not_a_candidate"),
    (GOOD.replace("positive", "positive or negative"), "answer_not_a_candidate"),
    (GOOD.replace("<confidence>0.73</confidence>", ""), "no_confidence"),
    (GOOD.replace("</confidence>", ""), "no_confidence"),
    (GOOD.replace("0.73", ""), "no_confidence"),
    *[(GOOD.replace("0.73", bad), "confidence_not_a_number")
      for bad in ("high", "73%", *"+-", "1e-3", "nan", "inf", "-0.5", "+0.5", "0,73", "0.7.3", "0_5", "٠.٥", "0.5 0.6",
                  "0" * 99)],
    *[(GOOD.replace("0.73", bad), "confidence_out_of_range") for bad in ("0", "1", "1.0", "0.00", "73", "1.01")],
])  # fmt: skip
def test_each_fault_of_the_main_format(text, expected):
    assert fault(text) == expected


def test_spans_of_the_main_format():
    reply = FORMATS["emocaliber"].read("Well: " + GOOD, LABELS)
    assert reply.text[slice(*reply.answer_span)] == "positive"
    assert reply.text[slice(*reply.confidence_span)] == "0.73"
    assert dict(reply.parts) == {name: text for name, text in PARTS.items() if name != "think"}


def test_a_faulty_reply_keeps_what_could_be_read():
    reply = FORMATS["emocaliber"].read(GOOD.replace("0.73", "1.7"), LABELS)
    assert (reply.answer, reply.confidence, reply.fault) == ("positive", None, "confidence_out_of_range")


def test_stage_one_has_no_confidence_and_that_is_no_fault():
    text = GOOD.replace("<confidence>0.73</confidence>", "")
    reply = FORMATS["emocaliber_answer"].read(text, LABELS)
    assert (reply.fault, reply.answer, reply.confidence) == (None, "positive", None)
    assert fault(GOOD, "emocaliber_answer") == "stray_text"


# EmoCaliber's own reader


@pytest.mark.parametrize(("text", "expected"), [
    (GOOD, None),
    (GOOD + GOOD, None),
    (f"<confidence>0.5</confidence><answer>positive</answer> and <think>{INNER}</think> yes", None),
    (GOOD.replace("about human", ""), None),
    (GOOD.replace("0.73", "7.3e-1"), None),
    (GOOD.replace("positive", "elated"), None),
    (GOOD.replace("0.73", "0.73%"), "confidence_not_a_number"),
    (GOOD.replace("0.73", "{0.73}"), "confidence_not_a_number"),
    (GOOD.replace("0.73", "1"), "confidence_out_of_range"),
    (GOOD.replace("0.73", "nan"), "confidence_out_of_range"),
    (GOOD.replace("<human>", ""), "missing_part"),
    (GOOD.replace("<answer>", ""), "no_answer"),
])  # fmt: skip
def test_the_published_reader_is_reproduced(text, expected):
    assert fault(text, "emocaliber_code") == expected


def test_the_published_reader_keeps_the_reasoning_of_a_faulty_reply():
    read = FORMATS["emocaliber_code"].read
    whole = dict(read(GOOD, LABELS).parts)
    assert list(whole) == ["element", "human", "context", "interaction", "analysis"]
    assert read(GOOD.replace("<answer>", ""), LABELS).parts == whole
    without = {name: text for name, text in whole.items() if name != "human"}
    assert read(GOOD.replace("<human>", ""), LABELS).parts == without
    assert read(GOOD.replace("</think>", ""), LABELS).parts == {}


@pytest.mark.parametrize(("said", "read"), [
    ("Positive!", "positive"), ("**positive**", "positive"), ("elated", "elated"), ("", "(empty)"),
    ("positive or not", "positive or not"),
])  # fmt: skip
def test_the_published_reader_takes_one_word_of_any_kind(said, read):
    assert FORMATS["emocaliber_code"].read(GOOD.replace("positive", said), LABELS).answer == read


# The other formats


@pytest.mark.parametrize(("name", "text", "expected"), [
    ("rlcr", "<think>a</think><answer>positive</answer><analysis>b</analysis><confidence>1</confidence>", None),
    ("rlcr", "<think>a</think><answer>positive</answer><confidence>1</confidence>", "missing_part"),
    ("rlcr", "<think>a</think><answer>positive</answer><analysis>b</analysis><confidence>1.1</confidence>",
     "confidence_out_of_range"),
    ("rlcr_short", "<think>a</think><answer>positive</answer><confidence>0</confidence>", None),
    ("confidence_first", "<think>a</think><confidence>0.4</confidence><answer>positive</answer>", None),
    ("confidence_first", "<think>a</think><answer>positive</answer><confidence>0.4</confidence>", "wrong_order"),
    ("percent", "<think>a</think><answer>positive</answer><confidence>85</confidence>", None),
    ("percent", "<think>a</think><answer>positive</answer><confidence>101%</confidence>", "confidence_out_of_range"),
    ("verbal", "<think>a</think><answer>positive</answer><confidence>Almost certainly!</confidence>", None),
    ("verbal", "<think>a</think><answer>positive</answer><confidence>maybe</confidence>", "confidence_not_a_number"),
    ("digits", "hm\nAnswer: positive, Confidence: 7", None),
    ("digits", "Answer: positive\nConfidence: 10.", None),
    ("digits", "Answer: positive\nConfidence: 11", "confidence_out_of_range"),
    ("digits", "Answer: positive\nConfidence: 7.5", "confidence_not_a_number"),
    ("digits", "Answer: positive\nConfidence: 7 because", "stray_text"),
    ("digits", "Answer: positive", "no_confidence"),
    ("digits", "Answer: \nConfidence: 7", "no_answer"),
    ("digits", "Confidence: 7\nAnswer: positive", "wrong_order"),
    ("digits", "Answer: elated\nConfidence: 7", "answer_not_a_candidate"),
    ("json", 'so {"answer": "Positive", "confidence": 0.8}', None),
    ("json", '```json\n{"confidence": "0.8", "answer": "positive"}\n```', None),
    ("json", '{"answer": "positive", "confidence": 0.8} ok', "stray_text"),
    ("json", '{"answer": "positive", "confidence": NaN}', "confidence_not_a_number"),
    ("json", '{"answer": "positive", "confidence": true}', "confidence_not_a_number"),
    ("json", '{"answer": "positive", "confidence": 80}', "confidence_out_of_range"),
    ("json", '{"answer": "positive"}', "no_confidence"),
    ("json", '{"answer": 3, "confidence": 0.8}', "no_answer"),
    ("json", '{"answer": "positive", "answer": "negative", "confidence": 0.8}', "repeated_part"),
    ("json", '{"answer": "positive", "confidence": 0.8', "not_json"),
    ("distribution", "<think>a</think><distribution>negative: 0.2, positive: 0.5\nneutral: 0.3</distribution>", None),
    ("distribution", "<think>a</think><distribution>negative: 0.2, positive: 0.5</distribution>", "not_a_distribution"),
    ("distribution", "<think>a</think><distribution>negative: .2, positive: .5, neutral: .5</distribution>",
     "not_a_distribution"),
    ("distribution", "<think>a</think><distribution>negative: .5, negative: .5, neutral: 0</distribution>",
     "not_a_distribution"),
    ("distribution", "<think>a</think><distribution>elated: 1</distribution>", "answer_not_a_candidate"),
    ("distribution", "<think>a</think><distribution>negative: some</distribution>", "confidence_not_a_number"),
    ("distribution", "<think>a</think><distribution> </distribution>", "no_answer"),
])  # fmt: skip
def test_each_fault_of_the_other_formats(name, text, expected):
    assert fault(text, name) == expected


@pytest.mark.parametrize(("row", "expected"), [
    ([("positive", 0.5), ("negative", 0.3), ("neutral", 0.2)], None),
    ([("positive", 0.5), ("positive", 0.3), ("neutral", 0.2)], "not_a_distribution"),
    ([("positive", 0.5), ("negative", 0.5), ("neutral", 0.2)], "not_a_distribution"),
    ([("positive", 1.5), ("negative", 0.0), ("neutral", 0.0)], "confidence_out_of_range"),
    ([("positive", "x"), ("negative", 0.5), ("neutral", 0.2)], "confidence_not_a_number"),
    ([("elated", 0.5), ("negative", 0.3), ("neutral", 0.2)], "answer_not_a_candidate"),
])  # fmt: skip
def test_guesses(row, expected):
    blocks = "".join(
        f"<answer{i}>{name}</answer{i}><confidence{i}>{c}</confidence{i}>" for i, (name, c) in enumerate(row, 1)
    )
    assert fault(f"<think>a</think>{blocks}", "guesses") == expected


def test_percent_and_words_are_converted():
    percent = "<think>a</think><answer>positive</answer><confidence>85%</confidence>"
    assert FORMATS["percent"].read(percent, LABELS).confidence == 0.85
    assert FORMATS["percent"].write({"think": "a"}, "positive", 0.85) == percent
    assert FORMATS["verbal"].read(percent.replace("85%", "about even"), LABELS).confidence == 0.5


def test_a_stated_distribution_is_evened_out_only_within_rounding():
    text = "<think>a</think><distribution>negative: 0.33, positive: 0.33, neutral: 0.33</distribution>"
    assert FORMATS["distribution"].read(text, LABELS).distribution == pytest.approx(dict.fromkeys(LABELS, 1 / 3))


@pytest.mark.parametrize("label", ["joy, love", "joy\nlove"])
def test_a_label_that_cannot_be_read_back_is_not_written(label):
    with pytest.raises(UserError, match="format 'distribution': label 'joy.*love' holds a comma or a line break"):
        FORMATS["distribution"].write({"think": "a"}, label, distribution={label: 0.6, "fear": 0.4})


def test_written_guesses_sum_to_at_most_one():
    """Each rounded by itself, .336 twice and .328 are .34 + .34 + .33 = 1.01, which the reader refuses."""
    guesses = {"positive": 0.336, "negative": 0.336, "neutral": 0.328}
    text = FORMATS["guesses"].write({"think": "a"}, "positive", distribution=guesses)
    assert FORMATS["guesses"].read(text, LABELS).distribution == {"positive": 0.34, "negative": 0.33, "neutral": 0.33}
    with pytest.raises(UserError, match="format 'guesses': the confidences of the guesses must sum to at most 1"):
        FORMATS["guesses"].write({"think": "a"}, "positive", distribution=guesses | {"positive": 0.4})


def test_a_written_distribution_sums_to_one():
    thirds = dict.fromkeys(LABELS, 1 / 3)
    text = FORMATS["distribution"].write({"think": "a"}, "negative", distribution=thirds)
    assert "negative: 0.34, positive: 0.33, neutral: 0.33" in text


def test_the_most_probable_label_is_written_first_and_read_anywhere():
    stated = {"negative": 0.1, "positive": 0.7, "neutral": 0.2}
    text = FORMATS["distribution"].write({"think": "a"}, "positive", distribution=stated)
    assert text == "<think>a</think><distribution>positive: 0.70, neutral: 0.20, negative: 0.10</distribution>"
    other = "<think>a</think><distribution>negative: 0.10, neutral: 0.20, positive: 0.70</distribution>"
    for one in (text, other):
        read = FORMATS["distribution"].read(one, list(stated))
        assert (read.answer, read.distribution) == ("positive", pytest.approx(stated))
        assert list(read.distribution or {}) == list(stated)  # the candidates' order, which cumulative rules go by


def test_very_many_zeros_are_no_distribution():
    """200 labels may be off by .0051 each, which is more than 1."""
    labels = [f"label {i}" for i in range(200)]
    text = f"<think>x</think><distribution>{', '.join(f'{name}: 0' for name in labels)}</distribution>"
    assert FORMATS["distribution"].read(text, labels).fault == "not_a_distribution"


@pytest.mark.parametrize(("text", "answer", "confidence"), [
    ('{"answer": "answer", "confidence": 0.8}', "answer", "0.8"),
    ('{"confidence" : "confidence", "answer":"joy"}', "joy", "confidence"),
    ('"answer": {"answer"\n: "a: b", "confidence": 1}', "a: b", "1"),
])  # fmt: skip
def test_spans_of_values_that_look_like_keys(text, answer, confidence):
    reply = FORMATS["json"].read(text)
    assert (text[slice(*reply.answer_span)], text[slice(*reply.confidence_span)]) == (answer, confidence)


# Matching


@pytest.mark.parametrize(("said", "labels", "expected"), [
    (" Positive. ", LABELS, "positive"),
    ("**POSITIVE**", LABELS, "positive"),
    ("positively", LABELS, None),
    ("very happy", ["very-happy", "sad"], "very-happy"),
    ("-1", ["-1", "+1"], "-1"),
    ("1", ["-1", "+1"], None),
    ("-1.", ["-1", "0", "1"], "-1"),
    ("1.", ["-1", "0", "1"], "1"),
    ("**-1**.", ["-1", "0", "1"], "-1"),
    ("c++", ["C", "C++"], "C++"),
    ("C.", ["C", "C++"], "C"),
    ("A-.", ["A", "A+", "A-"], "A-"),
    ("(a+)", ["A", "A+", "A-"], "A+"),
    ("A-", ["A", "A+"], None),
    ("1", ["-1", "0"], None),
    ("-1", ["1", "2"], None),
    ("\u22121", ["-1", "0"], "-1"),
    ("-5", ["5"], None),
    ("+5", ["5"], "5"),
    ("5-10.", ["5-10", "10-20"], "5-10"),
    ("covid 19", ["covid-19", "flu"], "covid-19"),
    ("STRASSE", ["straße"], "straße"),
    ("", LABELS, None),
])  # fmt: skip
def test_matching(said, labels, expected):
    assert match(said, labels) == expected


def test_aliases_lead_to_candidates_only():
    aliases = {"cheerfulness": "cheerfullness", "glee": "delight"}
    assert match("Cheerfulness", ["cheerfullness"], aliases) == "cheerfullness"
    assert match("glee", ["cheerfullness"], aliases) is None
    signed = {"minus one": "-1", "-1.0": "-1", "1.0": "1"}
    assert [match(said, ["-1", "0", "1"], signed) for said in ("Minus one.", "-1.0", "1.0")] == ["-1", "-1", "1"]


def test_many_marks_around_an_answer_take_no_time():
    assert match("-1" + "." * 100_000, ["-1", "1"]) is None


# Writing


@pytest.mark.parametrize(("name", "parts", "answer", "confidence", "text"), [
    ("emocaliber", {**PARTS, "human": " "}, "positive", 0.5, "part 'human' is missing or empty"),
    ("emocaliber", {**PARTS, "human": "</think>"}, "positive", 0.5, "part 'human' contains the tag 'think'"),
    ("emocaliber", PARTS, "positive", None, "format 'emocaliber': write needs a confidence"),
    ("emocaliber", PARTS, "positive", 1.2, r"format 'emocaliber': confidence must lie in \[0, 1\], got 1.2"),
    ("digits", PARTS, "Answer: x", 0.5, "the answer contains one of the marks"),
    ("digits", PARTS, " ", 0.5, "part 'answer' is missing or empty"),
    ("distribution", PARTS, "positive", None, "write needs a distribution with the answer as its largest label"),
    ("guesses", PARTS, "positive", None, "write needs 3 guesses, the answer the most confident"),
])  # fmt: skip
def test_what_cannot_be_written_is_named(name, parts, answer, confidence, text):
    with pytest.raises(UserError, match=text):
        FORMATS[name].write(parts, answer, confidence)


@given(st.floats(0, 1))
def test_any_confidence_is_written_as_the_nearest_one_of_the_grid(confidence):
    form = FORMATS["emocaliber"]
    read = form.read(form.write(PARTS, "positive", confidence), LABELS).confidence
    assert abs(read - confidence) == pytest.approx(min(abs(value - confidence) for value in form.grid), abs=1e-12)


@given(st.dictionaries(st.sampled_from(list(PARTS)), st.text(min_size=1).filter(lambda text: text.strip()), min_size=6))
def test_any_text_without_tags_survives_writing_and_reading(parts):
    form = FORMATS["emocaliber"]
    try:
        text = form.write(parts, "positive", 0.5)
    except UserError:
        return
    assert dict(form.read(text, LABELS).parts) == {name: parts[name].strip() for name in form.think_parts}


def test_a_reply_is_a_plain_value():
    assert Reply("a") == Reply("a")
    assert Reply("a").fault is None
