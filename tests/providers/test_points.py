from providers import points


def test_nobody_listens_unless_asked() -> None:
    reached: list[str] = []
    points.reach("commit:begin")
    points.listen(reached.append)
    try:
        points.reach("commit:end")
    finally:
        points.listen(None)
    points.reach("receipt:stored")
    assert reached == ["commit:end"]
