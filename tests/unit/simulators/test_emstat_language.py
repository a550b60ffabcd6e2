"""MethodSCRIPT as a language: numbers, variables, blocks, packages, and what is refused where."""

import math

import pytest
from emstat_host import Host
from wired import Resistor

from labctl_simulators.methodscript.values import encode, literal


@pytest.fixture
def host():
    return Host(Resistor(1000.0, 0.5))


# instruments.md §4, "Variable": the examples as they stand there
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (4.2, "8401640u"),
        (3.701234, "83879F2u"),
        (0.5e-3, "807A120n"),
        (-0.5e-3, "7F85EE0n"),
        (0.1, "80186A0u"),
        (100e3, "80186A0 "),
        (3, "8000003i"),
        (math.nan, "     nan"),
        (0.0, "8000000 "),
    ],
)
def test_a_value_is_shown_as_the_reference_shows_it(value, shown):
    assert encode(value) == shown


@pytest.mark.parametrize("value", [0.01, -0.01, 1e-17, 123456.789, -9.87e9, 3.3e-12, 1e18])
def test_a_shown_value_is_the_value_to_5_digits_or_better(value):
    from emstat_host import decoded

    assert decoded(encode(value)) == pytest.approx(value, rel=5e-6, abs=5e-19)


def test_what_does_not_fit_is_not_a_number():
    assert encode(1e30) == encode(math.inf) == encode(1 << 27) == "     nan"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("500m", 0.5),
        ("-2", -2.0),
        ("4200m", 4.2),
        ("+25u", 25e-6),
        ("100k", 1e5),
        ("3i", 3),
        ("-3i", -3),
        ("0x1F", 31),
        ("0b101", 5),
        ("3p", 3e-12),
        ("1.5", None),
        ("5q", None),
        ("m", None),
    ],
)
def test_a_literal(word, value):
    assert literal(word) == value
    assert isinstance(literal(word), int) == isinstance(value, int)


def test_the_examples_package(host):
    said = host.run(
        "var t|var p|store_var t 100m eb|store_var p 3701234u ab"
        "|pck_start|pck_add t|pck_add p|pck_end"
    )
    assert said == ["Peb80186A0u;ab83879F2u", ""]


@pytest.mark.parametrize(
    ("commands", "value"),
    [
        ("store_var a 7i ja|add_var a 5i", 12),
        ("store_var a 7i ja|sub_var a 9i", -2),
        ("store_var a -7i ja|div_var a 2i", -3),
        ("store_var a -7i ja|mod_var a 2i", -1),
        ("store_var a 7 ja|div_var a 2", 3.5),
        ("store_var a 3i ja|mul_var a 500m", 1.5),
        ("store_var a 2 ja|pow_var a 10", 1024.0),
        ("store_var a 1000 ja|log_var a", 3.0),
        ("store_var a 8 ja|log_var a 2", 3.0),
        ("store_var a 27i ja|int_to_float a|div_var a 2", 13.5),
        ("store_var a 2700m ja|float_to_int a", 2),
        ("store_var b 4 ja|copy_var b a|add_var a b", 8.0),
        ("add_var a 1i", 1.0),  # a new variable is a float, 0
    ],
)
def test_arithmetic(host, commands, value):
    ((found,),) = host.packages(f"var a|var b|{commands}|pck_start|pck_add a|pck_end")
    assert found[1] == pytest.approx(value)
    assert isinstance(found[1], int) == isinstance(value, int)


def test_an_array_is_used_by_a_variable_index(host):
    script = """
        var k
        var sum
        array a 4i
        store_var k 0i ja
        loop k < 4i
            store_var a[k] 10i ja
            mul_var a[k] k
            add_var k 1i
        endloop
        store_var k 3i ja
        copy_var a[k] sum
        add_var sum a[1i]
        pck_start
        pck_add sum
        pck_add a[0]
        pck_end
    """
    assert host.run(script) == ["L", "+", "Pja8000028i;ja8000000i", ""]


def test_types_are_altered_and_kept(host):
    script = "var a|store_var a 20 ja|alter_vartype a ed|pck_start|pck_add a|pck_end"
    assert host.packages(script) == [[("ed", 20.0, ())]]


def test_branches(host):
    script = """
        var k
        store_var k 0i ja
        loop k < 5i
            if k == 0i
                send_string "none"
            elseif k < 3i
                send_string "few"   # a comment
            else
                if k >= 4i
                    send_string "many"
                    breakloop
                endif
                send_string f"k = {k}"
            endif
            add_var k 1i
        endloop
        send_string "# is no comment here"
    """
    assert host.run(script) == [
        "L", "Tnone", "Tfew", "Tfew", "Tk = 3", "Tmany", "+", "T# is no comment here", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("a == 5", True), ("a != 5", False), ("a >= 5", True), ("a <= 4", False), ("a > 5", False),
        ("a < 6", True), ("b & 4i", True), ("b & 2i", False), ("b | 0i", True),
    ],
)  # fmt: skip
def test_comparisons(host, test, holds):
    script = f'var a\nvar b\nstore_var a 5 ja\nstore_var b 5i ja\nif {test}\nsend_string "x"\nendif'
    assert host.run(script) == ["Tx"] * holds + [""]


def test_output_can_be_switched_off(host):
    script = 'set_script_output 0|send_string "a"|set_script_output 1|send_string "b"'
    assert host.run(script) == ["Tb", ""]


def test_abort_goes_to_on_finished_and_the_end_of_the_script_passes_through_it(host):
    script = 'send_string "a"|%s|send_string "b"|on_finished:|send_string "c"'
    assert host.run(script % "abort") == ["Ta", "Tc", ""]
    assert host.run(script % "wait 1") == ["Ta", "Tb", "Tc", ""]


def test_time_waits_timers_and_intervals(host):
    script = """
        var t
        timer_start
        wait 1500m
        timer_get t
        pck_start
        pck_add t
        pck_end
        set_int 2
        wait 500m
        await_int
        await_int
        timer_get t
        pck_start
        pck_add t
        pck_end
    """
    (first,), (second,) = host.packages(script)
    assert first[0] == "eb"
    assert first[1] == pytest.approx(1.5, abs=1e-3)
    assert second[1] == pytest.approx(1.5 + 4.0, abs=1e-3)


def test_a_script_is_not_over_before_its_last_wait(host):
    assert host.load("wait 3") == ["e"]
    assert host.follow(seconds=2.9) == []
    assert host.follow() == [""]
    assert host.times[-1] == pytest.approx(3.0, abs=2e-3)


def test_an_endless_loop_hangs_nothing(host):
    assert host.load("var a|loop 1i == 1i|add_var a 1i|endloop") == ["e"]
    assert host.follow(seconds=0.05) == ["L"]
    assert host.ask("Z") + host.follow() == ["Z", "+", ""]


# Load errors: script, code, line, column. The codes are those of instruments.md §4, "Errors".
LOAD_ERRORS = [
    ("var a|foo a", 0x4001, 2, 1),
    ("var a|5 a", 0x4000, 2, 1),
    ("var a|if a ~ 2|endif", 0x4004, 2, 6),
    ("var a|if a 2 3|endif", 0x4000, 2, 6),
    ("var a|if a < 2 3|endif", 0x4000, 2, 10),
    ("var a|add_var a", 0x4018, 2, 10),
    ("var a|add_var a 1 2", 0x4002, 2, 13),
    ("var a|add_var 5 2", 0x4002, 2, 9),
    ("var a|var a", 0x4026, 2, 5),
    ("add_var b 1", 0x420B, 1, 9),
    ("var a|store_var a 1 zz", 0x4006, 2, 15),
    ("var a|store_var a 5q ja", 0x4039, 2, 13),
    ("var a|cell_on foo(a)", 0x4008, 2, 9),
    ("var a|array b 0i", 0x4204, 2, 9),
    ("var a|array b 2", 0x4002, 2, 9),
    ("var a|array b 900000i", 0x000B, 2, 7),
    ("endloop", 0x400C, 1, 1),
    ("else", 0x400C, 1, 1),
    ("breakloop", 0x400C, 1, 1),
    ("var a|loop a < 1|endif", 0x400C, 3, 1),
    ("var a|loop a < 1|on_finished:", 0x400C, 3, 1),
    ("on_finished:|on_finished:", 0x400C, 2, 1),
    ("var a|if a < 1", 0x4018, 2, 9),
    ("var p|meas_loop_ocp p 1 5|meas_loop_ocp p 1 5|endloop|endloop", 0x400B, 3, 1),
    ("var p|meas_loop_ocp p 1 5|set_e 1|endloop", 0x4032, 3, 1),
    ("var p|meas_loop_ocp p 1 5|set_pgstat_mode 2|endloop", 0x400C, 3, 1),
    ("var p|meas_loop_ocp p 0 5", 0x4204, 2, 17),
    ("wait -1", 0x4200, 1, 6),
    ("var f|var r|var i|meas_loop_eis f r i 10m 1k 1 0i 0|endloop", 0x4205, 4, 30),
    ("var a|var b|set_gpio 1", 0x001B, 3, 1),
    ('send_string "open', 0x4004, 1, 13),
]


@pytest.mark.parametrize(("script", "code", "line", "column"), LOAD_ERRORS)
def test_what_cannot_be_loaded_says_where(host, script, code, line, column):
    assert host.load(script) == [f"e!{code:04X}: Line {line}, Col {column}"]
    assert not host.device.output_on
    assert host.feed(b"t\n") == []  # it is deaf for a moment
    host.now += 0.15
    assert host.ask("t")[0].startswith("tes4_hr")


RUN_ERRORS = [
    ("var a|div_var a 0", 0x0028, 2),
    ("var a|store_var a 1 ja|div_var a 0i", 0x0028, 3),
    ("var a|store_var a 1M ja|pow_var a 1k", 0x0010, 3),
    ("var a|log_var a", 0x0010, 2),
    ("var a|pck_add a", 0x401B, 2),
    ("pck_end", 0x401B, 1),
    ("pck_start|pck_start", 0x401B, 2),
    ("var k|array a 2i|store_var k 2i ja|add_var a[k] 1", 0x4205, 4),
    ("var w|store_var w -1 ja|wait w", 0x4200, 3),
    ("await_int", 0x400C, 1),
    ("var p|meas 1m p ea", 0x001B, 2),
    ("set_range eb 1", 0x0002, 1),
    ("set_pgstat_mode 9", 0x0021, 1),
    ("set_e 7", 0x000F, 1),
    ("cell_on", 0x0023, 1),
    ("var p|var c|set_pgstat_mode 2|meas_loop_ca p c 1 1 2|endloop", 0x4027, 4),
    ("var p|var c|set_pgstat_mode 6|cell_on|meas_loop_ca p c 1 1 2|endloop", 0x0023, 5),
    ("var p|set_pgstat_mode 2|cell_on|meas_loop_ocp p 1 2|endloop", 0x0014, 4),
]


@pytest.mark.parametrize(("script", "code", "line"), RUN_ERRORS)
def test_a_running_script_ends_at_an_error_without_on_finished(host, script, code, line):
    said = host.run(f'{script}|on_finished:|send_string "finished"')
    assert said == [f"!{code:04X}: Line {line}", ""]


def test_a_package_holds_a_hundred_variables_and_no_more(host):
    lines = ["var a", "pck_start", *["pck_add a"] * 101, "pck_end"]
    assert host.run("\n".join(lines))[0] == "!0024: Line 103"
