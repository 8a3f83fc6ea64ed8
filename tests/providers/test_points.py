from providers import points


def test_no_listener_is_called_unless_registered() -> None:
    reached: list[str] = []
    points.reach("commit:begin")
    points.listen(reached.append)
    try:
        points.reach("commit:end")
    finally:
        points.listen(None)
    points.reach("receipt:stored")
    assert reached == ["commit:end"]
