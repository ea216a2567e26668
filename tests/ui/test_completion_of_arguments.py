"""The popup: commands by a part of their name, and what can follow a command."""

from seeing import MakeApp, hides, prompt, send, shows, until


async def test_a_part_of_a_name_finds_a_command(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press(*"/port")
        await shows(pilot, "/export")


async def test_arguments_are_offered_and_taken_with_tab(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press(*"/model ")
        await shows(pilot, "/model petit", "/model codeur")
        await pilot.press(*"deu", "tab")
        assert prompt(pilot).text == "/model codeur"
        await pilot.press("enter")
        await shows(pilot, "now using codeur")


async def test_enter_sends_an_argument_as_it_was_typed_unless_a_row_was_chosen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press(*"/theme no")
        await pilot.press("enter")
        await shows(pilot, "there is no theme no")
        await pilot.press(*"/set temp", "down", "enter")
        await until(pilot, lambda: prompt(pilot).text == "/set temperature ")
        await pilot.press(*"0.5", "enter")
        await shows(pilot, "temperature is 0.5")


async def test_up_leaves_a_recalled_command_with_an_argument(make_app: MakeApp) -> None:
    async with make_app("Salut").run_test(size=(80, 24)) as pilot:
        await send(pilot, "first question")
        await shows(pilot, "Salut")
        await send(pilot, "/think o")
        await hides(pilot, "/think on   ")
        await pilot.press("up", "up")
        assert prompt(pilot).text == "first question"
